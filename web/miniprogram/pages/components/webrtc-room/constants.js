/** What pages read from the component: `data.CONSTANT`. */
module.exports = {
  ROOM_EVENT: 'RoomEvent',
  IM_EVENT: 'IMEvent',
  ROOM: {
    ERROR: 'error',
    OPEN_CAMERA: -4,
    OPEN_MIC: -5,
    PUSH_DISCONNECT: -6,
    CAMERA_MIC_PERMISSION: -7,
    EXCEEDS_THE_MAX_MEMBER: -8,
    REQUEST_ROOM_SIG: -9,
    JOIN_ROOM: -10
  },
  IM: {
    LOGIN_EVENT: 'login_event',
    JOIN_GROUP_EVENT: 'join_group_event',
    CONNECTION_EVENT: 'connection_event',
    BIG_GROUP_MSG_NOTIFY: 'big_group_msg_notify',
    MSG_NOTIFY: 'msg_notify',
    GROUP_SYSTEM_NOTIFYS: 'group_system_notifys',
    GROUP_INFO_CHANGE_NOTIFY: 'group_info_change_notify',
    KICKED: 'kicked'
  },
  TEMPLATE_TYPE: { '1V1': '1v1', '1V3': '1v3', '1U3D': '1u3d', '1L3R': '1l3r' }
}

import { computed, onUnmounted, ref, shallowRef } from 'vue'
import { stored } from '@app/composables/stored'
import { newUserID } from '@app/names'
import { Line } from '@desk/line'
import { ask, Refusal, socketUrl } from '@desk/rest'
import type { CallStatus, LegReport, QueueView, RoomAccess } from '@desk/types'
import type { Wishes } from './wishes'

export interface Placed {
  call: CallStatus
  token: string
  room?: RoomAccess
}

/** A call from its placing to its rating, as the caller's page sees it. */
export function useCall(wishes: Wishes, delegate: (() => Promise<Placed>) | null) {
  const status = shallowRef<CallStatus | null>(null)
  const token = stored<string>(`call.token.${wishes.queue}`, '', 'tab')
  const callID = stored<string>(`call.id.${wishes.queue}`, '', 'tab')
  const ownID = stored<string>('callerID', newUserID('web'))
  ownID.value = ownID.value || newUserID('web')
  const placing = ref(false)
  const refusal = shallowRef<Refusal | null>(null)
  const refusedBy = computed(() => (refusal.value?.body as { queue?: QueueView } | null)?.queue ?? null)
  const up = ref(false)
  let line: Line | null = null

  if (wishes.callID && wishes.token) {
    callID.value = wishes.callID
    token.value = wishes.token
  }

  async function place(nickName: string): Promise<boolean> {
    placing.value = true
    refusal.value = null
    try {
      const placed = delegate
        ? await delegate()
        : await ask<Placed>(`queues/${encodeURIComponent(wishes.queue)}/calls`, {
            method: 'POST',
            body: { userID: wishes.userID || ownID.value, nickName, client: 'webrtc', userData: wishes.userData, skills: wishes.skills.length ? wishes.skills : undefined },
          })
      begin(placed)
      return true
    } catch (error) {
      refusal.value = error instanceof Refusal ? error : new Refusal('unexpected', String(error), 0)
      return false
    } finally {
      placing.value = false
    }
  }

  /** A reload, or a back end's link, leads into a call that is there already. */
  async function comeBack(): Promise<boolean> {
    if (!callID.value || !token.value) return false
    try {
      const { call, room } = await ask<{ call: CallStatus; room: RoomAccess }>(`calls/${callID.value}/join`, { method: 'POST', token: token.value })
      begin({ call, token: room.token, room })
      return true
    } catch (error) {
      if (error instanceof Refusal && error.code === 'unreachable') refusal.value = error
      else callID.value = token.value = ''
      return false
    }
  }

  function begin(placed: Placed): void {
    line?.close()
    token.value = placed.token
    callID.value = placed.call.callID
    status.value = placed.call
    const mine = new Line({
      url: () => socketUrl(`calls/${placed.call.callID}/ws`, { token: token.value }),
      onUp: (now) => (up.value = now),
      onMessage(message) {
        if (line !== mine) return
        if (message.type === 'call') take(message['call'] as CallStatus)
        if (message.type === 'closed') {
          if (message['reason'] === 'server_shutdown') return
          mine.close()
          if (status.value && status.value.state !== 'ended') take({ ...status.value, state: 'ended', reason: 'failed' })
        }
      },
      // Refused for good: the call is over, whatever its end was.
      again: async () => {
        try {
          take(await ask<CallStatus>(`calls/${placed.call.callID}`, { token: token.value }))
        } catch (error) {
          if (error instanceof Refusal && (error.status === 404 || error.status === 401)) {
            if (status.value && status.value.state !== 'ended') take({ ...status.value, state: 'ended', reason: status.value.answeredAt ? 'completed' : 'failed' })
            return false
          }
        }
        return status.value?.state !== 'ended'
      },
    })
    line = mine
    void mine.run()
  }

  function take(call: CallStatus): void {
    if (status.value && status.value.callID === call.callID && status.value.revision > call.revision) return
    status.value = call
    if (call.state === 'ended') {
      line?.close()
      line = null
      callID.value = ''
    }
  }

  async function hangUp(): Promise<void> {
    const call = status.value
    if (!call || call.state === 'ended') return
    try {
      take(await ask<CallStatus>(`calls/${call.callID}/hangup`, { method: 'POST', token: token.value }))
    } catch {
      // It may have ended meanwhile, or the network is gone; either way it is over for who hung up.
      line?.send({ type: 'hangup' })
      take({ ...call, state: 'ended', reason: call.answeredAt ? 'completed' : 'abandoned' })
    }
  }

  const rate = (stars: number, comment: string) =>
    ask<void>(`calls/${status.value?.callID ?? ''}/rating`, { method: 'POST', token: token.value, body: { stars, comment } })

  const askCallback = (nickName: string, contact: string, note: string) =>
    ask<unknown>(`queues/${encodeURIComponent(wishes.queue)}/callbacks`, {
      method: 'POST',
      body: { userID: wishes.userID || ownID.value, nickName: nickName || contact, contact, note, userData: wishes.userData },
    })

  /** A token of the call's room; another one where the first has been refused. */
  async function roomToken(fresh: boolean): Promise<string> {
    if (!fresh) return token.value
    const { room } = await ask<{ room: RoomAccess }>(`calls/${status.value?.callID ?? ''}/join`, { method: 'POST', token: token.value })
    token.value = room.token
    return room.token
  }

  function report(legs: LegReport[]): void {
    if (status.value) line?.send({ type: 'report', callID: status.value.callID, legs })
  }

  function forget(): void {
    line?.close()
    line = null
    status.value = null
    refusal.value = null
    callID.value = token.value = ''
  }

  onUnmounted(() => line?.close())
  return { status, up, placing, refusal, refusedBy, place, comeBack, hangUp, rate, askCallback, roomToken, report, forget }
}

export type Call = ReturnType<typeof useCall>

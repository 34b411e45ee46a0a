import { createApp } from 'vue'
import { installTheme } from '@app/composables/useTheme'
import { installI18n } from '@app/i18n'
import AgentConsole from './AgentConsole.vue'
import '@app/styles/base.css'
import '@app/styles/controls.css'
import '@app/styles/stage.css'
import '@app/styles/lobby.css'
import '@app/styles/member.css'
import '@app/styles/room.css'
import '@app/styles/panel.css'
import './styles/frame.css'
import './styles/work.css'
import './styles/tables.css'

installTheme()
installI18n()
createApp(AgentConsole).mount('#app')

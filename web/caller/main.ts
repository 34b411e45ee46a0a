import { createApp } from 'vue'
import { installTheme } from '@app/composables/useTheme'
import { installI18n } from '@app/i18n'
import CallerPage from './CallerPage.vue'
import '@app/styles/base.css'
import '@app/styles/controls.css'
import '@app/styles/stage.css'
import '@app/styles/lobby.css'
import '@app/styles/member.css'
import '@app/styles/room.css'
import '@app/styles/panel.css'
import './caller.css'

installTheme()
installI18n()
createApp(CallerPage).mount('#app')

import { createApp } from 'vue'
import App from './App.vue'
import { installTheme } from './composables/useTheme'
import { installI18n } from './i18n'
import './styles/base.css'
import './styles/controls.css'
import './styles/stage.css'
import './styles/views.css'
import './styles/lobby.css'
import './styles/member.css'
import './styles/bar.css'
import './styles/room.css'
import './styles/panel.css'

installTheme()
installI18n()
createApp(App).mount('#app')

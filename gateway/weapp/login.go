package weapp

import (
	"regexp"
	"strconv"

	"hutong/gateway/room"
)

// loginInfo makes whoever asks a user of a new name, or, where the configuration
// lets anybody be anybody, of the name asked for.
func (s *Service) loginInfo(k *call) (answer, error) {
	userID, err := s.assign(k, k.query.Get("userID"), false)
	if err != nil {
		return nil, err
	}
	sig, err := s.UserSig(userID, s.c.UserSigTTL.Std())
	if err != nil {
		return nil, err
	}
	return answer{"userID": userID, "sdkAppID": s.c.SDKAppID, "accType": s.c.AccountType, "userSig": sig}, nil
}

// assign decides whom get_login_info makes of whoever asks. again says that
// userIDs it has made up before are given again.
func (s *Service) assign(k *call, asked string, again bool) (string, error) {
	if !s.c.LoginInfo {
		return "", deny("get_login_info is off (weapp.login_info): get a userSig from your own back end")
	}
	if asked == "" {
		return s.accounts.mint(k.ctx, s.o.Now())
	}
	if err := room.CheckUserID(asked); err != nil {
		return "", deny("%v", err)
	}
	if s.c.AnyUser {
		return asked, nil
	}
	if !again {
		return "", deny("get_login_info gives new userIDs only (weapp.any_user): get a userSig from your own back end")
	}
	who, found, err := s.accounts.get(k.ctx, asked)
	if err != nil {
		return "", err
	}
	if found && who.Minted {
		return asked, nil
	}
	return s.accounts.mint(k.ctx, s.o.Now())
}

func (s *Service) login(k *call) (answer, error) {
	userID, sig, app := k.query.Get("userID"), k.query.Get("userSig"), k.query.Get("sdkAppID")
	if userID == "" || sig == "" || app == "" || k.query.Get("accountType") == "" {
		return nil, refuse(codeNoLogin, "userID, userSig, sdkAppID and accountType belong into the query")
	}
	if app != strconv.Itoa(s.c.SDKAppID) {
		return nil, deny("sdkAppID %s is not this app, %d", clip(app), s.c.SDKAppID)
	}
	if err := s.genuine(sig, userID); err != nil {
		return nil, deny("%v", err)
	}
	token, err := s.accounts.login(k.ctx, userID, s.o.Now())
	if err != nil {
		return nil, err
	}
	return answer{"token": token, "userID": userID}, nil
}

func (s *Service) logout(k *call) (answer, error) {
	return nil, s.accounts.logout(k.ctx, k.userID)
}

// webrtcUser are the userIDs of webrtc_room.
var webrtcUser = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]{3,23}$`)

func (s *Service) webrtcLoginInfo(k *call) (answer, error) {
	asked, err := k.optional("userID")
	if err != nil {
		return nil, err
	}
	if asked != "" && !webrtcUser.MatchString(asked) {
		return nil, badWebRTCUser(asked)
	}
	userID, err := s.assign(k, asked, true)
	if err != nil {
		return nil, err
	}
	sig, err := s.UserSig(userID, s.c.UserSigTTL.Std())
	if err != nil {
		return nil, err
	}
	return answer{"userID": userID, "sdkAppID": s.c.SDKAppID, "accountType": s.c.AccountType, "userSig": sig}, nil
}

func badWebRTCUser(userID string) error {
	return refuse(codeDenied, "userID %s: use a letter and 3 to 23 letters, digits or _", clip(userID))
}

package httpapi

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	calling "hutong/gateway/call"
	"hutong/gateway/desk"
	"hutong/gateway/store"
)

// summaryJSON is a record in lists; its durations are in seconds.
type summaryJSON struct {
	calling.Summary
	Waited float64 `json:"waited"`
	Rang   float64 `json:"rang"`
	Talked float64 `json:"talked"`
	Held   float64 `json:"held"`
}

func summaryOf(r calling.Summary) summaryJSON {
	return summaryJSON{r, float64(r.Waited) / 1000, float64(r.Rang) / 1000, float64(r.Talked) / 1000, float64(r.Held) / 1000}
}

func (s *Server) recordJSON(r desk.Record) fiber.Map {
	v := s.Desk.View(r.Call)
	return fiber.Map{"summary": summaryOf(r.Summary()), "call": v, "timeline": r.Call.Timeline, "quality": qualityJSON(r.Call.CallID, r.Quality)}
}

func qualityJSON(callID string, legs []desk.LegQuality) fiber.Map {
	if legs == nil {
		legs = []desk.LegQuality{}
	}
	return fiber.Map{"callID": callID, "legs": legs}
}

// filterOf reads which records are asked for. Agents see their own, and those of
// the caller whom they talk with.
func (s *Server) filterOf(c *fiber.Ctx, p staff) (f desk.Filter, err error) {
	f = desk.Filter{Agent: c.Query("agent"), Queue: c.Query("queue"), Caller: c.Query("caller"), Outcome: c.Query("outcome"), Reason: calling.Reason(c.Query("reason"))}
	if f.From, err = instant(c, "from"); err != nil {
		return f, err
	}
	if f.To, err = instant(c, "to"); err != nil {
		return f, err
	}
	if !p.all() && f.Agent != p.AgentID && !s.atHand(p, f.Caller) {
		if f.Agent != "" || f.Caller != "" {
			return f, fmt.Errorf("%w: agents see their own calls, and those of the caller at hand", desk.ErrNoRight)
		}
		f.Agent = p.AgentID
	}
	return f, nil
}

// atHand says whether an agent talks with a caller now.
func (s *Server) atHand(p staff, userID string) bool {
	return userID != "" && slices.ContainsFunc(s.Desk.Calls(desk.CallFilter{Agent: p.AgentID}), func(v desk.CallView) bool { return v.Caller.UserID == userID })
}

func (s *Server) noted(ctx context.Context, c *fiber.Ctx, p staff, action, detail string) error {
	return s.Desk.Audit(ctx, desk.AuditEntry{Who: p.name(), Action: action, Detail: detail, Remote: p.remote})
}

func (s *Server) searchHistory(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.staff(ctx, c)
	if err != nil {
		return err
	}
	f, err := s.filterOf(c, p)
	if err != nil {
		return err
	}
	limit, cursor, err := pageOf(c, desk.CheckCursor)
	if err != nil {
		return err
	}
	if err := s.noted(ctx, c, p, "search", clip(string(c.Request().URI().QueryString()))); err != nil {
		return err
	}
	page, next, total := s.Desk.Search(f, cursor, limit)
	records := make([]summaryJSON, len(page))
	for i, r := range page {
		records[i] = summaryOf(r)
	}
	return c.JSON(fiber.Map{"records": records, "next": next, "total": total})
}

func (s *Server) getRecord(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.staff(ctx, c)
	if err != nil {
		return err
	}
	r, err := s.Desk.Record(ctx, c.Params("callID"))
	if err != nil {
		return err
	}
	if !p.all() && !slices.Contains(r.Call.Served, p.AgentID) && !s.atHand(p, r.Call.Caller.UserID) {
		return fmt.Errorf("%w: no call %s of yours has ended", store.ErrNotFound, c.Params("callID"))
	}
	if err := s.noted(ctx, c, p, "view", r.Call.CallID); err != nil {
		return err
	}
	return c.JSON(s.recordJSON(*r))
}

func (s *Server) callQuality(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.staff(ctx, c)
	if err != nil {
		return err
	}
	callID := c.Params("callID")
	if !p.all() {
		x, err := s.Desk.Call(callID)
		if err != nil {
			r, gone := s.Desk.Record(ctx, callID)
			if gone != nil {
				return gone
			}
			x = r.Call
		}
		if _, engaged := x.Engaged()[p.AgentID]; !engaged && !slices.Contains(x.Served, p.AgentID) {
			return fmt.Errorf("%w: no call %s of yours", store.ErrNotFound, callID)
		}
	}
	legs, err := s.Desk.Quality(ctx, callID)
	if err != nil {
		return err
	}
	return c.JSON(qualityJSON(callID, legs))
}

// exportHistory writes a table for spreadsheets: with a byte order mark, by which
// they know UTF-8.
func (s *Server) exportHistory(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.supervisor(ctx, c)
	if err != nil {
		return err
	}
	f, err := s.filterOf(c, p)
	if err != nil {
		return err
	}
	page, _, total := s.Desk.Search(f, "", 0)
	if err := s.noted(ctx, c, p, "export", fmt.Sprintf("%d records, %s", total, clip(string(c.Request().URI().QueryString())))); err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("\uFEFF")
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	w.Write([]string{"callID", "queue", "callerID", "callerName", "client", "createdAt", "answeredAt", "endedAt", "reason", "outcome",
		"waited", "rang", "talked", "held", "transfers", "agents", "stars", "quality"})
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(s.Desk.Zone()).Format("2006-01-02 15:04:05")
	}
	for _, r := range page {
		v := summaryOf(r)
		n := func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
		w.Write([]string{r.CallID, r.Queue, cell(r.CallerID), cell(r.CallerName), r.Client, at(r.CreatedAt), at(r.AnsweredAt), at(r.EndedAt), string(r.Reason),
			cell(r.Outcome), n(v.Waited), n(v.Rang), n(v.Talked), n(v.Held), strconv.Itoa(r.Transfers), cell(strings.Join(r.Agents, " ")), strconv.Itoa(r.Stars), string(r.Light)})
	}
	w.Flush()
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="calls.csv"`)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	return c.Send(b.Bytes())
}

// cell keeps a spreadsheet from taking what somebody else wrote for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n|%＝＋－＠", []rune(text)[0]) {
		return "'" + text
	}
	return text
}

func (s *Server) auditLog(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.staff(ctx, c)
	if err != nil {
		return err
	}
	if p.backend == "" && !p.Administers() {
		return fmt.Errorf("%w: this takes an admin", desk.ErrNoRight)
	}
	limit, cursor, err := pageOf(c, func(cursor string) bool { return calling.CheckID("cursor", cursor) == nil })
	if err != nil {
		return err
	}
	if err := s.noted(ctx, c, p, "audit", ""); err != nil {
		return err
	}
	page, next := s.Desk.AuditPage(cursor, limit)
	return c.JSON(fiber.Map{"entries": page, "next": next})
}

func (s *Server) deskStats(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.supervisor(ctx, c); err != nil {
		return err
	}
	at := time.Now()
	if q := c.Query("day"); q != "" {
		day, err := time.ParseInLocation(time.DateOnly, q, s.Desk.Zone())
		if err != nil {
			return &callError{fiber.StatusBadRequest, "bad_value", "day " + strconv.Quote(clip(q)) + " is not a day like 2026-01-02"}
		}
		at = day
	}
	return c.JSON(s.Desk.Day(at))
}

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/audit"
	"github.com/throughline/throughline/internal/incident"
)

// maxMark is how long an incident can be acknowledged or muted in advance.
const maxMark = 366 * 24 * time.Hour

// actionJSON is what somebody wants to be done.
type actionJSON struct {
	Action string `json:"action"`
	// By is who wants it; whom the authentication knows takes precedence.
	By   string `json:"by"`
	Note string `json:"note"`
	// Until or For says how long it holds, in RFC 3339 or like 2h30m; neither: until the incident is resolved.
	Until string `json:"until"`
	For   string `json:"for"`
}

func (a *api) actOnIncident(ctx context.Context, req *request) (reply, error) {
	var wanted actionJSON
	if p := decode(req.body, &wanted); p != nil {
		return reply{}, p
	}
	action := slices.Index(incident.ActionNames(), wanted.Action)
	if action < 0 {
		return reply{}, NewProblem(http.StatusBadRequest, fmt.Sprintf("`action` is %q: must be one of %s",
			clip(wanted.Action, shownValue), strings.Join(incident.ActionNames(), ", ")))
	}
	until, p := wanted.until(req.now)
	if p != nil {
		return reply{}, p
	}
	mark := incident.Mark{By: wanted.By, Note: wanted.Note, Until: until}
	if user := a.user(ctx); user != "" {
		mark.By = user
	}
	i, err := a.source.ActOnIncident(ctx, req.value, incident.Action(action), mark)
	var pending *Pending
	switch {
	case errors.As(err, &pending):
		return replyJSON(http.StatusAccepted, newEntryJSON(&pending.Entry))
	case errors.Is(err, audit.ErrInvalid):
		return reply{}, NewProblem(http.StatusBadRequest, err.Error())
	case errors.Is(err, ErrNotFound), errors.Is(err, incident.ErrUnknown):
		return reply{}, NewProblem(http.StatusNotFound, fmt.Sprintf("no incident has the ID %q", clip(req.value, shownValue)))
	case errors.Is(err, incident.ErrResolved):
		return reply{}, NewProblem(http.StatusConflict, "the incident is resolved: there is nothing to take care of")
	case errors.Is(err, incident.ErrPast):
		return reply{}, NewProblem(http.StatusBadRequest, "`until` is over: must be in the future")
	case err != nil:
		return reply{}, err
	}
	b := builder{left: maxDetailBytes, detailed: true}
	return replyJSON(http.StatusOK, b.incident(&i))
}

// decode reads one JSON object and nothing else.
func decode(body []byte, into any) *Problem {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return NewProblem(http.StatusBadRequest, "the body is not as expected: "+clip(err.Error(), shownValue))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return NewProblem(http.StatusBadRequest, "the body has more than one JSON value")
	}
	return nil
}

// until is when what is wanted ends, 0 for never.
func (w *actionJSON) until(now int64) (int64, *Problem) {
	switch {
	case w.Until != "" && w.For != "":
		return 0, NewProblem(http.StatusBadRequest, "`until` and `for` are both given: give one of them")
	case w.For != "":
		d, err := time.ParseDuration(w.For)
		if err != nil || d <= 0 || d > maxMark {
			return 0, NewProblem(http.StatusBadRequest, fmt.Sprintf("`for` is %q: must be a time like 2h30m, at most %s", clip(w.For, shownValue), maxMark))
		}
		return now + int64(d), nil
	case w.Until != "":
		t, err := time.Parse(time.RFC3339, w.Until)
		if err != nil || t.After(time.Unix(0, now).Add(maxMark)) || t.Year() < 1970 {
			return 0, NewProblem(http.StatusBadRequest, fmt.Sprintf("`until` is %q: must be like 2026-01-02T15:04:05Z, at most %s ahead", clip(w.Until, shownValue), maxMark))
		}
		return t.UnixNano(), nil
	}
	return 0, nil
}

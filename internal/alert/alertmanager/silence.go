package alertmanager

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/alert"
)

const (
	// silenceFor is how long a silence without an end of its own lasts; it is made longer when less than half of that is left. So
	// what nobody is left to end ends soon.
	silenceFor = time.Hour
	// maxSilences bounds the silences remembered. What exceeds them ends by itself.
	maxSilences = 10_000
)

// silences keep muted alerts quiet: they go on firing, and Alertmanager tells nobody.
type silences struct {
	client *alert.Client

	mu    sync.Mutex
	known map[string]silence // guarded by mu
	// learned says that those are known that an earlier process made.
	learned bool // guarded by mu
}

type silence struct {
	id    string
	until time.Time
}

// retryable reports whether it may go better the next time.
func retryable(err error) bool {
	e, ok := errors.AsType[*alert.Error](err)
	return ok && e.Retryable
}

// update makes, prolongs and ends silences as the alerts say. It goes on after what is refused for good, and returns the first such error.
func (s *silences) update(ctx context.Context, alerts []alert.Alert, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.learned {
		s.learn(ctx, now)
	}
	var refused error
	for i := range alerts {
		a := &alerts[i]
		known, silenced := s.known[a.ID]
		var err error
		switch {
		case a.Muted && a.Status == alert.StatusFiring:
			err = s.keep(ctx, a, known, now)
		case silenced && !a.Muted:
			err = s.end(ctx, a.ID, known)
		}
		if err != nil && retryable(err) {
			return err
		}
		if refused == nil {
			refused = err
		}
	}
	return refused
}

// gettableSilence is an element of the answer of getSilences.
type gettableSilence struct {
	postableSilence
	Status struct {
		State string `json:"state"`
	} `json:"status"`
}

// learn asks for the silences that an earlier process made, because who is not muted any more must be heard. It is no more than an attempt: a silence
// that is not found is made again, and ends by itself.
func (s *silences) learn(ctx context.Context, now time.Time) {
	// Alertmanager's filter finds silences by their exact matchers only.
	answer, err := s.client.Do(ctx, http.MethodGet, "silences", nil, nil)
	if retryable(err) {
		return
	}
	s.learned = true
	var all []gettableSilence
	if err != nil || json.Unmarshal(answer, &all) != nil {
		return
	}
	for i := range all {
		g := &all[i]
		if g.Status.State == "expired" || g.CreatedBy != createdBy || len(g.Matchers) != 1 || !g.EndsAt.After(now) || len(s.known) >= maxSilences {
			continue
		}
		if m := g.Matchers[0]; m.Name == alert.LabelIncident && !m.IsRegex && m.IsEqual {
			s.known[m.Value] = silence{id: g.ID, until: g.EndsAt}
		}
	}
}

// createdBy names the author of silences.
const createdBy = "throughline"

// postableSilence is the body of postSilences.
type postableSilence struct {
	ID        string    `json:"id,omitempty"`
	Matchers  []matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
}

type matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual bool   `json:"isEqual"`
}

func (s *silences) keep(ctx context.Context, a *alert.Alert, known silence, now time.Time) error {
	until := a.MutedUntil
	switch {
	case until.IsZero() && known.id != "" && known.until.Sub(now) > silenceFor/2:
		return nil
	case until.IsZero():
		until = now.Add(silenceFor)
	case known.id != "" && until.Equal(known.until), !until.After(now):
		return nil
	}
	body := postableSilence{
		ID: known.id, StartsAt: now.UTC(), EndsAt: until.UTC(), CreatedBy: createdBy, Comment: "muted " + a.Annotations[alert.AnnotationMuted],
		Matchers: []matcher{{Name: alert.LabelIncident, Value: a.ID, IsEqual: true}},
	}
	id, err := s.post(ctx, &body)
	if e, ok := errors.AsType[*alert.Error](err); ok && known.id != "" && !e.Retryable {
		// Somebody ended the one there was, or it is too long ago.
		body.ID = ""
		id, err = s.post(ctx, &body)
	}
	if err != nil {
		return err
	}
	if len(s.known) < maxSilences {
		s.known[a.ID] = silence{id: id, until: until}
	}
	return nil
}

func (s *silences) post(ctx context.Context, body *postableSilence) (string, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return "", &alert.Error{Err: errors.New("the silence cannot be written as JSON")}
	}
	answer, err := s.client.Do(ctx, http.MethodPost, "silences", alert.JSON(), data)
	if err != nil {
		return "", err
	}
	var made struct {
		SilenceID string `json:"silenceID"`
	}
	if json.Unmarshal(answer, &made) != nil {
		return "", nil
	}
	return made.SilenceID, nil
}

// end ends a silence. One that is gone is ended.
func (s *silences) end(ctx context.Context, incident string, known silence) error {
	_, err := s.client.Do(ctx, http.MethodDelete, "silence/"+url.PathEscape(known.id), nil, nil)
	if e, ok := errors.AsType[*alert.Error](err); ok && e.Retryable && e.Status != http.StatusInternalServerError {
		return err
	}
	// Alertmanager answers 500 if the silence has ended by itself.
	delete(s.known, incident)
	return nil
}

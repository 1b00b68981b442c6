package operationsextension

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/throughline/throughline/internal/audit"
	"github.com/throughline/throughline/internal/console"
	"github.com/throughline/throughline/internal/incident"
)

const (
	// journalTimeout bounds how long the journal may take to be written or read.
	journalTimeout = 3 * time.Second
	// askFor is how long an answer waits for the judge, askEvery how often it looks.
	askFor   = 3 * time.Second
	askEvery = 100 * time.Millisecond
	// actedWithin is how far back the journal is compared with the incidents, of at most actedAtMost lines: a collector that was killed
	// may have lost what it had done in the moments before.
	actedWithin = 10 * time.Minute
	actedAtMost = 1000
)

// Actions implements console.Source.
func (s source) Actions(ctx context.Context, q audit.Query) (audit.Page, error) {
	return s.o.journal.List(ctx, q)
}

// AddNote implements console.Source.
func (s source) AddNote(ctx context.Context, about audit.Subject, by, note string) (audit.Entry, error) {
	return s.o.record(ctx, audit.Entry{Action: audit.ActionNote, Subject: about, By: by, Note: note})
}

// record writes an entry to the journal. That the store does not take it is no reason not to go on.
func (o *operations) record(ctx context.Context, e audit.Entry) (audit.Entry, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalTimeout)
	defer cancel()
	e, err := o.journal.Add(ctx, time.Now(), e)
	if errors.Is(err, audit.ErrInvalid) {
		return e, err
	}
	o.tellUnkept(err)
	return e, nil
}

func (o *operations) tellUnkept(err error) {
	if err != nil {
		o.logger.Warn("The store does not take a line of the journal; it is in memory and will be tried again", zap.Error(err))
	}
}

// ActOnIncident implements console.Source. The collector that judges acts; another one writes down what is wanted and waits for a while.
func (s source) ActOnIncident(ctx context.Context, id string, action incident.Action, mark incident.Mark) (incident.Incident, error) {
	if mark.Until != 0 && mark.Until <= time.Now().UnixNano() {
		return incident.Incident{}, incident.ErrPast
	}
	i, err := s.Incident(ctx, id)
	if err != nil {
		return i, err
	}
	wanted := audit.Entry{
		Action: action.String(), Subject: audit.Subject{Kind: audit.KindIncident, ID: id}, By: mark.By, Note: mark.Note, Until: mark.Until,
	}
	if !s.o.judging() {
		return s.askJudge(ctx, wanted, i, action)
	}
	s.o.acting.Lock()
	defer s.o.acting.Unlock()
	e, err := s.o.record(ctx, wanted)
	if err != nil {
		return incident.Incident{}, err
	}
	return s.o.act(ctx, e, action)
}

// act does what an entry asks for and writes down what became of it. Called with acting held.
func (o *operations) act(ctx context.Context, e audit.Entry, action incident.Action) (incident.Incident, error) {
	i, err := o.incidents.Act(e.Subject.ID, action, markOf(&e), time.Unix(0, e.At))
	refusal := ""
	if err != nil {
		refusal = err.Error()
	}
	kept, cancel := context.WithTimeout(context.WithoutCancel(ctx), journalTimeout)
	defer cancel()
	_, unkept := o.journal.Resolve(kept, time.Now(), e, refusal)
	o.tellUnkept(unkept)
	o.logger.Info("Somebody acted on an incident", zap.String("incident", e.Subject.ID), zap.Stringer("action", action),
		zap.String("by", e.By), zap.String("note", e.Note), zap.String("refused", refusal))
	return i, errors.Join(err, ctx.Err())
}

func markOf(e *audit.Entry) incident.Mark {
	return incident.Mark{By: e.By, At: e.At, Until: e.Until, Note: e.Note}
}

// askJudge writes down what is wanted and waits until the collector that judges did it.
func (s source) askJudge(ctx context.Context, wanted audit.Entry, i incident.Incident, action incident.Action) (incident.Incident, error) {
	e, err := s.o.record(ctx, wanted)
	if err != nil {
		return incident.Incident{}, err
	}
	if !e.Kept {
		return incident.Incident{}, console.NewProblem(http.StatusServiceUnavailable,
			"another collector has to do it, and the store by which it learns of it does not answer; /api/v1/actions tells what becomes of it")
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return incident.Incident{}, &console.Pending{Entry: e}
		case <-ticker.C:
		}
		done, err := s.o.journal.Result(ctx, e, time.Now().UnixNano())
		switch {
		case err != nil:
			continue
		case done.State == audit.StateDone:
			return marked(i, &done, action), nil
		case done.State == audit.StateRefused:
			return incident.Incident{}, refused(done.Refusal)
		}
	}
}

// marked is the incident as the one that acted has it since.
func marked(i incident.Incident, e *audit.Entry, action incident.Action) incident.Incident {
	mark := markOf(e)
	switch action {
	case incident.ActionAcknowledge:
		i.Acknowledged = &mark
	case incident.ActionUnacknowledge:
		i.Acknowledged = nil
	case incident.ActionMute:
		i.Muted = &mark
	case incident.ActionUnmute:
		i.Muted = nil
	}
	i.UpdatedAt = max(i.UpdatedAt, e.At)
	return i
}

// refused returns the error by which another collector refused.
func refused(refusal string) error {
	for _, err := range []error{incident.ErrUnknown, incident.ErrResolved, incident.ErrPast} {
		if err.Error() == refusal {
			return err
		}
	}
	return console.NewProblem(http.StatusConflict, refusal)
}

// keepJournal gives the store what it could not take before.
func (o *operations) keepJournal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	return o.journal.Flush(ctx)
}

// carryOut does what others were asked to do and, if it is the judge, what the journal has and the incidents lack: a collector that was
// killed wrote down what it did before it did it. It is called about once a second, and before the first sweep.
func (o *operations) carryOut(ctx context.Context) error {
	if err := o.keepJournal(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, journalTimeout)
	defer cancel()
	if o.archive.Load() == nil || !o.judging() {
		return nil
	}
	o.acting.Lock()
	defer o.acting.Unlock()
	now := time.Now().UnixNano()
	page, err := o.journal.List(ctx, audit.Query{Since: now - int64(actedWithin), Limit: actedAtMost, Now: now})
	if err = errors.Join(err, page.Partial); err != nil {
		return err
	}
	latest := map[string]*audit.Entry{}
	for k := range slices.Backward(page.Entries) {
		e := &page.Entries[k]
		action := slices.Index(incident.ActionNames(), e.Action)
		if e.Subject.Kind != audit.KindIncident || action < 0 {
			continue
		}
		switch e.State {
		case audit.StatePending:
			if _, err := o.act(ctx, *e, incident.Action(action)); err != nil {
				continue
			}
		case audit.StateRefused, audit.StateExpired:
			continue
		}
		latest[e.Subject.ID+"/"+family(incident.Action(action))] = e
	}
	for _, e := range latest {
		o.actAgain(e, now)
	}
	return nil
}

// family is the mark that an action sets or takes back.
func family(a incident.Action) string {
	if a == incident.ActionMute || a == incident.ActionUnmute {
		return "muted"
	}
	return "acknowledged"
}

// actAgain does what an entry says was done, if the incident does not show it.
func (o *operations) actAgain(e *audit.Entry, now int64) {
	i, known := o.incidents.Get(e.Subject.ID)
	action := incident.Action(slices.Index(incident.ActionNames(), e.Action))
	if !known || !unmarked(&i, e, action, now) {
		return
	}
	_, err := o.incidents.Act(i.ID, action, markOf(e), time.Unix(0, e.At))
	o.logger.Info("An action on an incident was done again, because a collector ended before its result was kept",
		zap.String("incident", i.ID), zap.Stringer("action", action), zap.Error(err))
}

// unmarked reports whether an incident does not show an action that is the latest of its family: nothing that came later explains it.
func unmarked(i *incident.Incident, e *audit.Entry, action incident.Action, now int64) bool {
	if e.Until != 0 && e.Until <= now {
		return false
	}
	open := i.State == incident.StateOpen && i.OpenedAt <= e.At
	switch action {
	case incident.ActionAcknowledge:
		return open && (i.Acknowledged == nil || i.Acknowledged.At < e.At)
	case incident.ActionUnacknowledge:
		return i.Acknowledged != nil && i.Acknowledged.At < e.At
	case incident.ActionMute:
		return (open || e.Until != 0) && (i.Muted == nil || i.Muted.At < e.At)
	case incident.ActionUnmute:
		return i.Muted != nil && i.Muted.At < e.At
	}
	return false
}

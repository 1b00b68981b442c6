package operationsextension

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap/xconfmap"

	"github.com/throughline/throughline/internal/expect"
	"github.com/throughline/throughline/internal/operation"
)

// nightly expects operations of the destination at half past two in Berlin.
func nightly(c *Config) {
	c.SweepInterval = time.Minute
	c.TelemetryGaps.Enabled = false
	c.Rules = []RuleConfig{{
		Name: "nightly-report", Match: MatchConfig{Destination: []string{"reports"}}, Owner: "team-reports", Severity: "critical",
		Expect: &expect.Config{Cron: "30 2 * * *", Timezone: "Europe/Berlin", Grace: new(20 * time.Minute)},
	}}
}

// ran is an operation of the rule that began at a time, and ended well.
func ran(n byte, at time.Time) []operation.Fact {
	send, process := sent(fmt.Sprintf("report-%d", n), n), processed(n)
	send.Destination, process.Destination = "reports", "reports"
	send.At, send.End, process.At, process.End = at.UnixNano(), at.UnixNano(), at.UnixNano(), at.Add(time.Minute).UnixNano()
	return []operation.Fact{send, process}
}

// until waits for a time in UTC.
func until(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", text)
	require.NoError(t, err)
	require.False(t, at.Before(time.Now()), "it is %v", time.Now())
	time.Sleep(time.Until(at)) // synctest: fake time
	synctest.Wait()
	return at
}

// shownMissed is what the API shows of starts that did not come.
type shownMissed struct {
	ID, Name, State, Reason string
	Severity, Owner, Rule   string
	StartedAt               time.Time `json:"started_at"`
	EndedAt                 *time.Time
	IncidentID              string  `json:"incident_id"`
	TraceID                 *string `json:"trace_id"`
	Hops                    []any
	Flags                   []string
	Threshold               struct {
		Seconds float64
		Source  string
	}
	Missed *struct {
		Count      int
		FirstDueAt time.Time `json:"first_due_at"`
		DueAt      time.Time `json:"due_at"`
	}
}

type shownExpectations struct {
	Expectations []struct {
		Rule, Name, Schedule string
		DueAt                time.Time  `json:"due_at"`
		LastStartedAt        *time.Time `json:"last_started_at"`
		Missed               *struct {
			Count       int
			State       string
			OperationID string `json:"operation_id"`
		}
	}
}

// news is what was told since it was asked last.
func (l *listening) news(t *testing.T) []string {
	synctest.Wait()
	l.take(t)
	return l.told()
}

func TestANightlyRunOverTheChangeOfClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, _ := start(t, nightly)
		l := &listening{operations: o, sub: o.Subscribe(), measured: measureAll(t, o)}
		defer func() { l.sub.Close() }()
		until(t, "2000-01-01 00:10")

		// In winter it is due at 1:30 UTC. On the first night it runs on time, on the second late, but within the grace.
		until(t, "2000-01-01 01:31")
		o.Apply(time.Now(), ran(1, time.Now()), nil)
		until(t, "2000-01-02 01:45")
		o.Apply(time.Now(), ran(2, time.Now()), nil)
		until(t, "2000-01-02 12:00")
		require.Equal(t, []string{"report-1 completed ", "report-2 completed "}, l.news(t))
		var expected shownExpectations
		shown(t, o, "/api/v1/expectations", &expected)
		require.Len(t, expected.Expectations, 1)
		e := expected.Expectations[0]
		require.Equal(t, []string{"nightly-report", "nightly-report", "30 2 * * * Europe/Berlin"}, []string{e.Rule, e.Name, e.Schedule})
		require.Equal(t, "2000-01-03 01:30", e.DueAt.Format("2006-01-02 15:04"))
		require.Equal(t, "2000-01-02 01:45", e.LastStartedAt.Format("2006-01-02 15:04"))
		require.Nil(t, e.Missed)

		// On the third and the fourth it does not run.
		until(t, "2000-01-03 01:50")
		require.Empty(t, l.news(t), "the grace")
		until(t, "2000-01-03 01:52")
		require.Equal(t, []string{
			"missed:nightly-report:2000-01-03T01:30:00Z stuck missed",
			`incident opened: 1 operation of "nightly-report" stuck (missed)`,
		}, l.news(t))
		until(t, "2000-01-04 01:52")
		require.Equal(t, []string{"missed:nightly-report:2000-01-03T01:30:00Z stuck missed"}, l.news(t), "one more in the same row")

		var m shownMissed
		shown(t, o, "/api/v1/operations/missed:nightly-report:2000-01-03T01:30:00Z", &m)
		require.Equal(t, []string{"nightly-report", "stuck", "missed", "critical", "team-reports", "nightly-report"}, []string{m.Name, m.State, m.Reason, m.Severity, m.Owner, m.Rule})
		require.Equal(t, 2, m.Missed.Count)
		require.Equal(t, "2000-01-03 01:30", m.StartedAt.Format("2006-01-02 15:04"))
		require.Equal(t, "2000-01-04 01:30", m.Missed.DueAt.Format("2006-01-02 15:04"))
		require.Equal(t, "schedule", m.Threshold.Source)
		require.InDelta(t, 1200, m.Threshold.Seconds, 0)
		require.Empty(t, m.Hops)
		require.NotNil(t, m.Hops)
		require.Nil(t, m.TraceID)
		require.NotEmpty(t, m.IncidentID)
		require.Equal(t, 1, measured(l, "async.operation.stuck"))
		stats, err := o.Console().Stats(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1, stats.Operations.States[operation.StateStuck])
		var list struct{ Operations []shownMissed }
		shown(t, o, "/api/v1/operations?reason=missed&name=nightly-report", &list)
		require.Len(t, list.Operations, 1)
		shown(t, o, "/api/v1/expectations", &expected)
		require.Equal(t, 2, expected.Expectations[0].Missed.Count)
		require.Equal(t, "stuck", expected.Expectations[0].Missed.State)
		require.Equal(t, m.ID, expected.Expectations[0].Missed.OperationID)

		// Then it runs again.
		until(t, "2000-01-05 01:30")
		o.Apply(time.Now(), ran(3, time.Now()), nil)
		until(t, "2000-01-05 01:35")
		told := l.news(t)
		require.Contains(t, told, "missed:nightly-report:2000-01-03T01:30:00Z completed ")
		require.Contains(t, told, `incident resolved: resolved: operations of "nightly-report" stuck (missed)`)
		shown(t, o, "/api/v1/operations/"+m.ID, &m)
		require.Equal(t, "completed", m.State)
		require.Equal(t, 3, measured(l, "async.operation.outcomes"), "what did not start has no outcome")

		// On 26 March, half past two is skipped: it is due at 3:00 in Berlin, 1:00 UTC; a day later at 0:30 UTC.
		for night := until(t, "2000-01-06 01:35"); night.Month() != time.March || night.Day() < 25; night = until(t, night.Add(24*time.Hour).Format("2006-01-02 15:04")) {
			o.Apply(time.Now(), ran(byte(night.YearDay()+10), time.Now()), nil)
		}
		o.Apply(time.Now(), ran(200, time.Now()), nil)
		until(t, "2000-03-25 12:00")
		l.news(t)
		until(t, "2000-03-26 01:21")
		require.Equal(t, []string{
			"missed:nightly-report:2000-03-26T01:00:00Z stuck missed",
			`incident opened: 1 operation of "nightly-report" stuck (missed)`,
		}, l.news(t))
		until(t, "2000-03-27 00:31")
		o.Apply(time.Now(), ran(201, time.Now()), nil)
		until(t, "2000-03-27 00:35")
		require.Contains(t, l.news(t), "missed:nightly-report:2000-03-26T01:00:00Z completed ")
	})
}

func TestMissedStartsOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, _ := start(t, nightly)
		until(t, "2000-01-01 01:31")
		first.Apply(time.Now(), ran(1, time.Now()), nil)
		until(t, "2000-01-02 02:00")
		saved, err := first.expected.save(time.Now())
		require.NoError(t, err)
		require.NoError(t, first.NotReady())

		until(t, "2000-01-02 03:00")
		second, err := newExpectations(first.config, &gaps{}, time.Now())
		require.NoError(t, err)
		require.NoError(t, second.restore(saved, time.Now()))
		changes := second.sweep(time.Now())
		require.Len(t, changes, 1, "it belongs to its incident again")
		require.True(t, changes[0].New)
		require.True(t, changes[0].Verdict.SameOutcome(changes[0].Before), "and was told before")
		require.Empty(t, second.sweep(time.Now()))

		second.tracker.Started("nightly-report", time.Now(), time.Now())
		changes = second.sweep(time.Now())
		require.Len(t, changes, 1)
		require.Equal(t, operation.StateCompleted, changes[0].Verdict.State)
		require.False(t, changes[0].New)

		// The collector was away when the next one was due: nobody knows.
		until(t, "2000-01-03 01:00")
		saved, err = second.save(time.Now())
		require.NoError(t, err)
		until(t, "2000-01-03 05:00")
		third, err := newExpectations(first.config, &gaps{}, time.Now())
		require.NoError(t, err)
		require.NoError(t, third.restore(saved, time.Now()))
		changes = third.sweep(time.Now())
		require.Len(t, changes, 1)
		require.Equal(t, operation.StateUnknown, changes[0].Verdict.State)
		require.Equal(t, operation.StuckTelemetryGap, changes[0].Verdict.Reason)

		require.ErrorContains(t, third.restore([]byte("nonsense"), time.Now()), "snapshot of expectations")
	})
}

// TestMissedStartsAreToldOnceOverARestart: with numbers of outputs, what was told stays told, and what may not have been is told with the same
// revision.
func TestMissedStartsAreToldOnceOverARestart(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	night := begin.Add(2 * time.Hour)
	cfg := createDefaultConfig().(*Config)
	nightly(cfg)
	first, err := newExpectations(cfg, &gaps{}, begin)
	require.NoError(t, err)
	first.rules["nightly-report"].ranBy("scheduler")
	first.numbered(6, 6)
	missed := first.sweep(night)
	require.Len(t, missed, 1)
	first.numbered(7, 6)
	saved, err := first.save(night)
	require.NoError(t, err)

	again := func(told int64) *expectations {
		x, err := newExpectations(cfg, &gaps{}, night.Add(time.Hour))
		require.NoError(t, err)
		x.numbered(7, told)
		require.NoError(t, x.restore(saved, night.Add(time.Hour)))
		require.Equal(t, []string{"scheduler"}, x.rules["nightly-report"].runners())
		r, ok := x.get(missed[0].View.ID)
		require.True(t, ok, "it is shown before it is judged")
		require.Equal(t, operation.StateStuck, r.verdict.State)
		return x
	}
	told := again(7)
	require.Empty(t, told.sweep(night.Add(time.Hour)))
	told.tracker.Started("nightly-report", night.Add(time.Hour), night.Add(time.Hour))
	over := told.sweep(night.Add(time.Hour))
	require.Len(t, over, 1)
	require.EqualValues(t, 2, over[0].Revision)
	require.Equal(t, operation.StateStuck, over[0].Before.State)

	x := again(6)
	for range 2 {
		// Whoever takes over restores once more.
		require.NoError(t, x.restore(saved, night.Add(time.Hour)))
	}
	changes := x.sweep(night.Add(time.Hour))
	require.Len(t, changes, 1)
	require.True(t, changes[0].Again)
	changes[0].Again = false
	changes[0].Policy = missed[0].Policy
	require.Equal(t, missed, changes)
	require.Empty(t, x.sweep(night.Add(time.Hour)))
}

func TestAStartIsSavedBeforeItCounts(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	nightly(cfg)
	at := time.Date(2026, 1, 1, 1, 30, 0, 0, time.UTC)
	x, err := newExpectations(cfg, &gaps{}, at.Add(-time.Hour))
	require.NoError(t, err)
	require.False(t, x.changed())
	x.tracker.Started("nightly-report", at, at)
	require.True(t, x.changed())
	_, err = x.save(at)
	require.NoError(t, err)
	x.tracker.Started("nightly-report", at, at)
	require.False(t, x.changed(), "it is known")
}

func TestSavedRowsThatCannotBe(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cfg := createDefaultConfig().(*Config)
	nightly(cfg)
	x, err := newExpectations(cfg, &gaps{}, begin)
	require.NoError(t, err)
	x.numbered(1, 1)
	require.Len(t, x.sweep(begin.Add(2*time.Hour)), 1)
	saved, err := x.save(begin.Add(2 * time.Hour))
	require.NoError(t, err)
	for replaced, by := range map[string]string{
		`"version":2`: `"version":3`, `"State":3`: `"State":2`, `"revision":1`: `"revision":0`, `"Count":1`: `"Count":0`, `"Hop":-1`: `"Hop":0`,
	} {
		damaged := strings.Replace(string(saved), replaced, by, 1)
		require.NotEqual(t, string(saved), damaged, replaced)
		y, err := newExpectations(cfg, &gaps{}, begin)
		require.NoError(t, err)
		require.ErrorContains(t, y.restore([]byte(damaged), begin), "snapshot of expectations: ", replaced)
		require.Empty(t, y.rows)
	}
}

func TestAnExpectationIsMissedForLackOfTelemetryOnly(t *testing.T) {
	hourly := func(c *Config) {
		nightly(c)
		c.SweepInterval = time.Second
		c.TelemetryGaps.Enabled = true
		c.Rules[0].OperationName = "import"
		c.Rules[0].Expect = &expect.Config{Every: time.Hour, Grace: new(time.Minute)}
	}
	for name, test := range map[string]struct {
		// silent is when services fall silent, how long after the first start, and who does.
		silent time.Duration
		who    []string
		want   string
	}{
		"nobody is silent":              {59 * time.Minute, nil, "stuck missed"},
		"who ran it is silent":          {50 * time.Minute, []string{"api"}, "unknown telemetry_gap"},
		"who ran it speaks only then":   {5 * time.Minute, []string{"api"}, "stuck missed"},
		"somebody else is silent":       {50 * time.Minute, []string{"worker"}, "stuck missed"},
		"everybody is silent":           {50 * time.Minute, []string{"api", "worker", "mailer"}, "unknown telemetry_gap"},
		"they fall silent after it":     {62 * time.Minute, []string{"api", "worker", "mailer"}, "stuck missed"},
		"everybody is silent for long":  {5 * time.Minute, []string{"api", "worker", "mailer"}, "unknown telemetry_gap"},
		"one after the due time is not": {63 * time.Minute, []string{"api"}, "stuck missed"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, _ := start(t, hourly)
				l := &listening{operations: o, sub: o.Subscribe(), measured: measureAll(t, o), heard: map[string]bool{"api": true, "worker": true, "mailer": true}}
				defer func() { l.sub.Close() }()
				l.pass(t, 20*time.Minute)
				l.Apply(time.Now(), ran(1, time.Now()), nil)
				l.pass(t, test.silent)
				for _, service := range test.who {
					l.heard[service] = false
				}
				l.pass(t, 70*time.Minute-test.silent)
				o.sweepInParts(t.Context())
				var list struct{ Operations []shownMissed }
				shown(t, o, "/api/v1/operations?name=import", &list)
				require.NotEmpty(t, list.Operations)
				var got []string
				for _, m := range list.Operations {
					if m.Missed != nil {
						got = append(got, m.State+" "+m.Reason)
					}
				}
				require.Equal(t, []string{test.want}, got)

				for service := range l.heard {
					l.heard[service] = true
				}
				l.Apply(time.Now(), ran(2, time.Now()), nil)
				l.pass(t, time.Minute)
				shown(t, o, "/api/v1/operations?name=import&state=stuck,unknown", &list)
				require.Empty(t, list.Operations)
			})
		})
	}
}

func TestRowsOfMissedStartsAreBounded(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	nightly(cfg)
	cfg.Rules[0].Expect = &expect.Config{Every: time.Second, Grace: new(time.Second)}
	cfg.Retention = 24 * time.Hour
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	x, err := newExpectations(cfg, &gaps{}, begin)
	require.NoError(t, err)
	now := begin
	for range maxRows + 10 {
		now = now.Add(10 * time.Second)
		x.sweep(now)
		x.tracker.Started("nightly-report", now, now)
		x.sweep(now.Add(time.Millisecond))
	}
	rows, over := 0, 0
	for r := range x.all() {
		rows++
		if r.verdict.State.Final() {
			over++
		}
	}
	require.Equal(t, maxRows, over)
	require.Equal(t, maxRows+10, rows+int(x.evictions()))
	x.sweep(now.Add(cfg.Retention))
	x.sweep(now.Add(2*cfg.Retention + time.Second))
	rows = 0
	for r := range x.all() {
		require.Equal(t, operation.StateStuck, r.verdict.State)
		rows++
	}
	require.Equal(t, 1, rows, "one is open")
}

func TestBadExpectationsAreRefused(t *testing.T) {
	require.NoError(t, xconfmap.Validate(load(t, "operations/expectations")))
	err := xconfmap.Validate(load(t, "operations/bad_expectations"))
	for _, want := range []string{
		"`rules[0]::expect::every` is 0s and `rules[0]::expect::cron` is \"\": give one of them",
		"`rules[1]::expect::timezone` is \"Mars\"",
		"`rules[1]::expect::cron` is \"90 * * * *\"",
		"`rules[2]::expect::grace` is -1s",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestMissedStartsAreKeptInTheStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemoryStorage()
		host := hostOf{storageID: m}
		first, _, _ := stored(t, nightly)
		require.NoError(t, first.Start(t.Context(), host))
		require.NoError(t, first.Ready())
		until(t, "2000-01-01 12:00")
		require.NoError(t, first.NotReady())
		require.NoError(t, first.Shutdown(t.Context()))

		second, _, logs := stored(t, nightly)
		require.NoError(t, second.Start(t.Context(), host))
		require.Empty(t, logs.All())
		l := &listening{operations: second, sub: second.Subscribe(), measured: measureAll(t, second)}
		require.NoError(t, second.Ready())
		until(t, "2000-01-01 12:05")
		require.Equal(t, []string{
			"missed:nightly-report:2000-01-01T01:30:00Z stuck missed", `incident opened: 1 operation of "nightly-report" stuck (missed)`,
		}, l.news(t))
		until(t, "2000-01-02 02:00")
		var m2 shownMissed
		shown(t, second, "/api/v1/operations/missed:nightly-report:2000-01-01T01:30:00Z", &m2)
		require.Equal(t, 2, m2.Missed.Count)
		l.sub.Close()
		require.NoError(t, second.NotReady())
		require.NoError(t, second.Shutdown(t.Context()))
	})
}

func FuzzRestoreExpectations(f *testing.F) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cfg := createDefaultConfig().(*Config)
	nightly(cfg)
	x, err := newExpectations(cfg, &gaps{}, begin)
	require.NoError(f, err)
	x.sweep(begin.Add(2 * time.Hour))
	saved, err := x.save(begin.Add(2 * time.Hour))
	require.NoError(f, err)
	f.Add(saved)
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := newExpectations(cfg, &gaps{}, begin)
		require.NoError(t, err)
		x.numbered(1, 0)
		if x.restore(data, begin) != nil {
			return
		}
		for _, c := range x.sweep(begin.Add(24 * time.Hour)) {
			require.NotEmpty(t, c.Verdict.State.String()+c.Verdict.Reason.String()+c.Verdict.Source.String())
		}
		saved, err := x.save(begin.Add(24 * time.Hour))
		require.NoError(t, err)
		require.NoError(t, x.restore(saved, begin.Add(24*time.Hour)))
	})
}

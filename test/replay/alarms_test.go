package replay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAlarms(t *testing.T) {
	const shift = time.Hour
	set := Thresholds{Waiting: 15 * time.Second, Processing: 20 * time.Second, Delayed: 40 * time.Second, DelayedQueues: []string{"later"}}
	end := func(at float64) *float64 { return &at }
	sent := []Sent{{At: 100, MessageID: "m"}}
	taken := func(at, done float64) []Delivery {
		return []Delivery{{ReceivedAt: at, DoneAt: end(done), Result: "ok", MessageID: "m"}}
	}
	killed := []Delivery{{ReceivedAt: 101, Result: "killed", MessageID: "m"}}
	one := func(outcome, queue string, sent []Sent, deliveries []Delivery) *Recording {
		return &Recording{Truth: Truth{Operations: []Operation{{ID: "o", Outcome: outcome, Hops: []Hop{{Queue: queue, Sent: sent, Deliveries: deliveries}}}}}}
	}
	alarm := func(reason string, raised, resolved float64) Alarm {
		a := Alarm{IDs: []string{"x", "o"}, Reason: reason, Raised: after(raised)}
		if resolved > 0 {
			a.Resolved = after(resolved)
		}
		return a
	}
	for _, tc := range []struct {
		name      string
		recording *Recording
		alarms    []Alarm
		want      AlarmReport
	}{
		{"true", one("never_consumed", "q", sent, nil), []Alarm{alarm("waiting", 116, 0)}, AlarmReport{Stuck: 1, Noticed: 1}},
		{"too early", one("never_consumed", "q", sent, nil), []Alarm{alarm("waiting", 114, 0)}, AlarmReport{
			Stuck: 1, Wrong: []string{"o: waiting, 1s too early", "o: nobody was told that it is stuck"},
		}},
		{"resolved though true", one("killed", "q", sent, killed), []Alarm{alarm("processing", 122, 130)}, AlarmReport{
			Stuck: 1, Waited: 1, Wrong: []string{"o: nobody was told that it is stuck"},
		}},
		{"killed", one("killed", "q", sent, killed), []Alarm{alarm("processing", 122, 0)}, AlarmReport{Stuck: 1, Noticed: 1}},
		{"another reason", one("killed", "q", sent, killed), []Alarm{alarm("waiting", 122, 0)}, AlarmReport{
			Stuck: 1, Wrong: []string{"o: waiting, but it is not", "o: nobody was told that it is stuck"},
		}},
		{"waited", one("completed", "q", sent, taken(120, 121)), []Alarm{alarm("waiting", 116, 122)}, AlarmReport{Waited: 1}},
		{"never resolved", one("completed", "q", sent, taken(120, 121)), []Alarm{alarm("waiting", 116, 0)}, AlarmReport{Wrong: []string{"o: waiting was never resolved"}}},
		{"late", one("completed", "q", sent, taken(110, 111)), []Alarm{alarm("waiting", 116, 118)}, AlarmReport{Late: []string{"o: waiting"}}},
		{"early", one("completed", "q", sent, taken(120, 121)), []Alarm{alarm("waiting", 112, 122)}, AlarmReport{Wrong: []string{"o: waiting before any threshold had passed"}}},
		{"declared as delayed", one("completed", "later", sent, taken(120, 121)), []Alarm{alarm("waiting", 116, 122)}, AlarmReport{Wrong: []string{"o: waiting before any threshold had passed"}}},
		{"scheduled", one("completed", "q", []Sent{{At: 100, MessageID: "m", DueIn: 18}}, taken(120, 121)), []Alarm{alarm("waiting", 116, 122)}, AlarmReport{Undue: 1}},
		{"of nothing", one("completed", "q", sent, taken(101, 102)), []Alarm{{IDs: []string{"ghost"}, Reason: "waiting", Raised: after(116)}}, AlarmReport{
			Wrong: []string{"ghost: waiting, no such operation took place"},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := CompareAlarms(tc.recording, tc.alarms, set, shift)
			if tc.want.Noticed > 0 {
				require.Equal(t, time.Second, got.Delays.Quantile(1))
			}
			got.Delays = Errors{}
			require.Equal(t, &tc.want, got)
		})
	}
	require.Contains(t, AlarmTable([]*AlarmReport{{Name: "shop", Undue: 7}}), "shop")
}

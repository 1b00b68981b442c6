package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/test/replay"
)

// thresholds are those of the configuration file.
var thresholds = replay.Thresholds{
	Waiting: 15 * time.Second, Processing: 15 * time.Second, Delayed: 40 * time.Second,
	DelayedQueues: []string{
		"go.due", "low:remind:send", "low:remind", "deferred@scheduler", "reminders", "scheduled-orders@scheduler-service", "c.reminders:shop.remind",
	},
}

// noticeBound is how long after its threshold an operation may be called stuck: a few intervals of judgement.
const noticeBound = 2 * time.Second

// lateBound is how many alarms of a recording may be owed to telemetry that came after the grace.
const lateBound = 5

// alarms are the times during which operations were called stuck, in the order of their beginning.
func alarms(changes []operation.Change) []replay.Alarm {
	var all []replay.Alarm
	open := map[string]int{}
	for i := range changes {
		c := &changes[i]
		id := c.View.Namespace + "/" + c.View.ID
		at := time.Unix(0, c.At)
		k, stands := open[id]
		stuck := c.Verdict.State == operation.StateStuck && !c.Gone
		if stands && stuck && all[k].Reason == c.Verdict.Reason.String() {
			continue
		}
		if stands {
			all[k].Resolved = at
			delete(open, id)
		}
		if stuck {
			open[id] = len(all)
			all = append(all, replay.Alarm{
				IDs: append([]string{c.View.ID}, c.View.Aliases...), Reason: c.Verdict.Reason.String(), Raised: at,
			})
		}
	}
	return all
}

// TestTrueTime: with every request arriving when it did, whoever is told that an operation is stuck is told the truth, or what
// was true then and is taken back. `go test -v -run TestTrueTime` shows the table.
func TestTrueTime(t *testing.T) {
	var reports []*replay.AlarmReport
	for _, name := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			r := load(t, name)
			j := observe(t, r, false, (*pipeline).sendInTime)
			t.Logf("%s, true time: %s", name, j.report.Summary())
			require.Zero(t, j.report.FalseAlarms)
			for i := range j.report.Differences {
				require.True(t, excused(name, &j.report.Differences[i]), "%s", j.report.List())
			}
			report := replay.CompareAlarms(r, alarms(j.changes), thresholds, j.shift)
			reports = append(reports, report)
			require.Empty(t, report.Wrong)
			require.Equal(t, report.Stuck, report.Noticed)
			require.Positive(t, report.Stuck)
			require.True(t, report.Undue == 0 || name == "node-pg-poll", "only there, no record and no name tells what is scheduled")
			require.LessOrEqual(t, len(report.Late), lateBound)
			t.Log("late telemetry:", report.Late)
			require.LessOrEqual(t, report.Delays.Quantile(1), noticeBound)
		})
	}
	t.Log("\n" + replay.AlarmTable(reports))
}

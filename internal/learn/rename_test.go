package learn

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

// message is an operation whose message groups of services consume, each given as its name and its service.
func message(at int64, groups ...operation.UsualGroup) *operation.View {
	f := started(at)
	m := f.send(0, "api", "orders", 0)
	for i, g := range groups {
		f.processIn(g.Group, m, g.Service, "orders", int64(i+1)*second, int64(i+2)*second)
	}
	return f.view()
}

var (
	packing = operation.UsualGroup{Group: "packing", Service: "warehouse"}
	audit   = operation.UsualGroup{Group: "audit", Service: "auditor"}
	auditV2 = operation.UsualGroup{Group: "audit-v2", Service: "auditor"}
)

// daily lets messages be consumed by these groups, one a minute for a time, and returns when that is over.
func daily(b *Book, from, length int64, groups ...operation.UsualGroup) int64 {
	for at := from; at < from+length; at += minute {
		b.Learn(message(at, groups...), at)
	}
	return from + length
}

func TestAGroupThatIsRenamed(t *testing.T) {
	for name, together := range map[string]int64{"at once": 0, "one instance after the other": 20 * minute} {
		t.Run(name, func(t *testing.T) {
			b := newBook(t, few)
			now := daily(b, epoch, day, packing, audit)
			now = daily(b, now, together, packing, audit, auditV2)
			stage := operation.Stage{Kind: operation.StageProcessing, Operation: "orders", Destination: "orders", Group: "audit-v2"}

			require.True(t, b.Renamed("orders", "audit", "audit-v2"), "before the first message is learned from")
			daily(b, now, minute, packing, auditV2)
			require.ElementsMatch(t, []operation.UsualGroup{packing, auditV2}, groupsOf(b), "the habit holds on")
			require.NotZero(t, threshold(b, stage), "as does what was learned of it")

			again := newBook(t, few)
			require.NoError(t, again.Restore(b.Snapshot(), now))
			require.ElementsMatch(t, []operation.UsualGroup{packing, auditV2}, groupsOf(again))
			require.Equal(t, threshold(b, stage), threshold(again, stage))

			daily(b, now+minute, minute, packing, audit)
			require.ElementsMatch(t, []operation.UsualGroup{packing, audit}, groupsOf(b), "and back again")
		})
	}
}

func TestTwoGroupsOfOneServiceThatAreRenamed(t *testing.T) {
	all := func(suffix string) []operation.UsualGroup {
		return []operation.UsualGroup{{Group: "index" + suffix, Service: "search"}, {Group: "suggest" + suffix, Service: "search"}}
	}
	b := newBook(t, few)
	now := daily(b, epoch, day, all("")...)
	now = daily(b, now, minute, all("-v2")...)
	require.ElementsMatch(t, all("-v2"), groupsOf(b))
	daily(b, now, minute, all("-v2")[0])
	require.False(t, b.Renamed("orders", "suggest-v2", "index-v2"), "one of them does not stand in for the other")
}

func TestWhatIsNoRename(t *testing.T) {
	second := operation.UsualGroup{Group: "statistics", Service: "auditor"}
	for name, tc := range map[string]struct {
		lives  func(b *Book)
		now    string
		wanted bool
	}{
		"a group that its service has had as long": {func(b *Book) { daily(b, epoch, 30*minute, audit, second) }, "statistics", false},
		"a group that its service got a while ago": {func(b *Book) {
			daily(b, daily(b, epoch, day, audit), 2*hour, audit, second)
		}, "statistics", false},
		"a group of each instance": {func(b *Book) { daily(b, epoch, day, audit) }, "audit-5f0e7c2a-1b3d-4c5e-8f90-a1b2c3d4e5f6", false},
		"a group that was never seen": {
			func(b *Book) { daily(b, epoch, day, audit) }, "audit-v2", true,
		},
		"one of more groups than are kept": {func(b *Book) {
			for n := range maxGroups {
				daily(b, epoch, minute, operation.UsualGroup{Group: "g" + string(rune('a'+n)), Service: "auditor"}, audit)
			}
		}, "audit-v2", false},
	} {
		b := newBook(t, few)
		tc.lives(b)
		require.Equal(t, tc.wanted, b.Renamed("orders", "audit", tc.now), name)
	}
	b := newBook(t, few)
	require.False(t, b.Renamed("orders", "audit", "audit-v2"), "nothing is known")
	daily(b, daily(b, epoch, 19*minute, packing, audit), minute, packing, auditV2)
	require.NotContains(t, groupsOf(b), auditV2, "what was no habit hands none on")
	daily(b, daily(b, epoch, day, packing, audit), minute, packing, operation.UsualGroup{Group: "audit-v2", Service: "reporter"})
	require.Equal(t, []operation.UsualGroup{packing}, groupsOf(b), "another service did")
}

// TestRestoreReadsTheFirstVersion, which did not tell since when groups are seen.
func TestRestoreReadsTheFirstVersion(t *testing.T) {
	w := writer{data: append([]byte(magic), withoutNames)}
	w.count(1)
	w.text("orders")
	w.count(1)
	w.text(audit.Group)
	w.text(audit.Service)
	w.habit(&habit{row: 20, seen: epoch})
	w.count(1)
	w.text(audit.Service)
	w.number(epoch)
	w.count(0)
	data := binary.LittleEndian.AppendUint32(w.data, crc32.Checksum(w.data, checksums))

	b := newBook(t, few)
	require.NoError(t, b.Restore(data, epoch))
	require.Equal(t, []operation.UsualGroup{audit}, groupsOf(b))
	require.True(t, b.Renamed("orders", "audit", "audit-v2"))
}

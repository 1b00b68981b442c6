package evidence

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
)

func TestStatement(t *testing.T) {
	for _, tc := range []struct {
		sql   string
		kind  operation.Kind
		table string
	}{
		{"insert into task(order_id) values ($1)", operation.KindInsert, "task"},
		{"INSERT INTO \"public\".\"Tasks\" (id) VALUES (1)", operation.KindInsert, "tasks"},
		{"\n  insert\ninto x", operation.KindUnknown, ""},
		{"insert into", operation.KindUnknown, ""},
		{"insert into ", operation.KindUnknown, ""},
		{"insert into [dbo].[Jobs] values (?)", operation.KindInsert, "jobs"},
		{"update task set status='running' where id in (select id from task for update skip locked)", operation.KindPoll, "task"},
		{"SELECT * FROM `good_jobs` WHERE x FOR UPDATE SKIP LOCKED", operation.KindPoll, "good_jobs"},
		{"DELETE FROM jobs WHERE id = (SELECT id FROM jobs FOR UPDATE SKIP LOCKED LIMIT 1)", operation.KindPoll, "jobs"},
		{"WITH c AS (SELECT id FROM river_job FOR UPDATE SKIP LOCKED) UPDATE river_job SET x", operation.KindPoll, "river_job"},
		{"select top (1) * from queue with (updlock, readpast)", operation.KindPoll, "queue"},
		{"select 1", operation.KindUnknown, ""},
		{"skip locked", operation.KindUnknown, ""},
		{"", operation.KindUnknown, ""},
		{"update task set status='done' where id=$1", operation.KindUnknown, ""},
	} {
		kind, table := statement(tc.sql, "")
		require.Equal(t, tc.kind, kind, tc.sql)
		require.Equal(t, tc.table, table, tc.sql)
	}
}

func TestHintsOfSQLServerAreReadWhereTheyCanBe(t *testing.T) {
	const sql = "select top (1) * from queue with (updlock, readpast)"
	for database, kind := range map[string]operation.Kind{
		"microsoft.sql_server": operation.KindPoll, "mssql": operation.KindPoll, "": operation.KindPoll, "other_sql": operation.KindPoll,
		"postgresql": operation.KindUnknown, "mysql": operation.KindUnknown,
	} {
		got, _ := statement(sql, database)
		require.Equal(t, kind, got, database)
		got, _ = statement("select * from jobs for update skip locked", database)
		require.Equal(t, operation.KindPoll, got, database)
	}
}

func FuzzStatement(f *testing.F) {
	f.Add("insert into task(order_id) values ($1)")
	f.Add("update task set a=1 where id in (select id from task for update skip locked)")
	f.Fuzz(func(t *testing.T, sql string) {
		kind, table := statement(sql, "mssql")
		require.Equal(t, kind == operation.KindUnknown, table == "")
		require.LessOrEqual(t, len(table), 4*maxName)
		require.NotContains(t, table, " ")
		require.Equal(t, strings.ToLower(table), table)
	})
}

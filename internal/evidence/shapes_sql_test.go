package evidence_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestShapeTaskTables: rows of a table are messages if somebody takes them as a queue does, in whatever words.
func TestShapeTaskTables(t *testing.T) {
	for name, query := range map[string]attributes{
		"pgx":                          {"db.system": "postgresql", "db.statement": "select id from tasks where state = 'new' order by id limit 5 for update skip locked"},
		"JDBC, sanitized":              {"db.system": "postgresql", "db.statement": "SELECT id, payload FROM public.tasks WHERE state = ? ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED"},
		"a common table expression":    {"db.system.name": "postgresql", "db.query.text": "WITH picked AS (SELECT id FROM tasks WHERE state = $1 LIMIT 1 FOR UPDATE SKIP LOCKED) UPDATE tasks SET state = $2 FROM picked WHERE tasks.id = picked.id RETURNING tasks.*"},
		"SQL Server":                   {"db.system": "mssql", "db.statement": "UPDATE TOP (1) dbo.tasks WITH (ROWLOCK, READPAST) SET state = @p0 OUTPUT inserted.*"},
		"an update that picks its own": {"db.system": "sqlite", "db.statement": "UPDATE tasks SET state = 'running' WHERE id = (SELECT id FROM tasks WHERE state = 'new' ORDER BY id LIMIT 1) RETURNING id"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, "sql")
			s.span(in("worker"), client, "query", -60, -59, query)
			for i, id := range []string{"A1", "B2"} {
				at := float64(i)
				request := s.span(in("web"), server, "POST /tasks", at, at+0.2, attributes{"order.id": id})
				s.span(in("web").under(request), client, "INSERT tasks", at+0.1, at+0.15, attributes{"db.system": "postgresql", "db.statement": "INSERT INTO tasks (payload) VALUES ($1)"})
			}
			s.span(in("worker"), internal, "run task", 5, 6, attributes{"order.id": "A1", "task.id": 17})
			require.Equal(t, []outcome{completed(once("tasks")), stuck("waiting", hop{"tasks", "waiting", 0, 0})}, s.finally())
		})
	}
	t.Run("rows that are only locked or updated are no queue", func(t *testing.T) {
		s := newStage(t, "sql")
		for i, query := range []string{
			"UPDATE orders SET state = $1 WHERE id = $2", "SELECT * FROM orders WHERE id = $1 LIMIT 1 FOR UPDATE",
			"UPDATE orders SET coupon = (SELECT id FROM coupons ORDER BY id LIMIT 1)",
		} {
			at := float64(i) - 60
			s.span(in("web"), client, "query", at, at+0.1, attributes{"db.system": "postgresql", "db.statement": query})
		}
		request := s.span(in("web"), server, "POST /orders", 0, 0.2, attributes{"order.id": "A1"})
		s.span(in("web").under(request), client, "INSERT orders", 0.1, 0.15, attributes{"db.system": "postgresql", "db.statement": "INSERT INTO orders (payload) VALUES ($1)"})
		require.Equal(t, []outcome{completed()}, s.finally())
	})
	t.Run("failed, then succeeded; failed for good", func(t *testing.T) {
		s := newStage(t, "sql")
		s.span(in("worker"), client, "query", -60, -59, attributes{"db.system": "postgresql", "db.statement": "select id from tasks for update skip locked"})
		for i, id := range []string{"A1", "B2"} {
			at := float64(i)
			request := s.span(in("web"), server, "POST /tasks", at, at+0.2, attributes{"order.id": id})
			s.span(in("web").under(request), client, "INSERT tasks", at+0.1, at+0.15, attributes{"db.system": "postgresql", "db.statement": "INSERT INTO tasks (payload) VALUES ($1)"})
			s.span(in("worker"), internal, "run task", at+5, at+5.5, attributes{"order.id": id, "task.id": 17 + i}, failed)
		}
		s.span(in("worker"), internal, "run task", 9, 10, attributes{"order.id": "A1", "task.id": 17})
		require.Equal(t, []outcome{ended("completed", "retried", hop{"tasks", "done", 1, 2}), ended("failed", "", hop{"tasks", "failed", 1, 1})}, s.finally())
	})
}

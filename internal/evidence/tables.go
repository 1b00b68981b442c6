package evidence

import (
	"strings"

	"github.com/throughline/throughline/internal/operation"
)

// statement says what a SQL statement means to a queue that is a table: a row that is inserted is a message that is sent,
// if somebody takes rows of that table with SKIP LOCKED, the clause by which several workers share one. (PostgreSQL,
// MySQL, Oracle; SQL Server says READPAST.) It returns KindUnknown for any other statement. The database is that of the
// conventions, "" if it is not known.
func statement(sql, database string) (operation.Kind, string) {
	if sql != "" && (isSpace(sql[0]) || sql[0] == '(') {
		sql = strings.TrimLeft(sql, " \t\r\n(")
	}
	if table, ok := following(sql, "insert into"); ok {
		return operation.KindInsert, table
	}
	if !sharesRows(sql, database) {
		return picked(sql)
	}
	for _, verb := range [...]string{"update", "delete from"} {
		if table, ok := following(sql, verb); ok {
			return operation.KindPoll, table
		}
	}
	if at := indexFold(sql, "from"); at >= 0 {
		if table, ok := following(sql[at:], "from"); ok {
			return operation.KindPoll, table
		}
	}
	return operation.KindUnknown, ""
}

// picked tells an update of a few rows that it picks itself, which takes them from a queue as well where a database has no
// such clause (SQLite, older ones): UPDATE t ... WHERE id = (SELECT id FROM t ... LIMIT 1).
func picked(sql string) (operation.Kind, string) {
	if len(sql) < len("update") || sql[0]|0x20 != 'u' || !strings.EqualFold(sql[:len("update")], "update") {
		return operation.KindUnknown, ""
	}
	tail := sql[max(0, len(sql)-clauseWithin):]
	if !strings.Contains(tail, "LIMIT") && !strings.Contains(tail, "limit") {
		return operation.KindUnknown, ""
	}
	table, _ := following(sql, "update")
	if at := indexFold(sql, "from"); table != "" && at >= 0 {
		if from, _ := following(sql[at:], "from"); from == table {
			return operation.KindPoll, table
		}
	}
	return operation.KindUnknown, ""
}

// following returns the name of the table after the words that a statement begins with: without its schema and quotes, in
// lower case, as databases compare it.
func following(sql, words string) (string, bool) {
	if len(sql) <= len(words) || sql[0]|0x20 != words[0] || !strings.EqualFold(sql[:len(words)], words) || !isSpace(sql[len(words)]) {
		return "", false
	}
	rest := strings.TrimLeft(sql[len(words):], " \t\r\n")
	if _, after, ok := strings.Cut(rest, ")"); ok && words == "update" && len(rest) > len("top") && strings.EqualFold(rest[:3], "top") && (isSpace(rest[3]) || rest[3] == '(') {
		// SQL Server says how many rows: UPDATE TOP (1) tasks.
		rest = strings.TrimLeft(after, " \t\r\n")
	}
	end := strings.IndexAny(rest, " \t\r\n(,;")
	if end < 0 {
		end = len(rest)
	}
	name := rest[:end]
	if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
		name = name[dot+1:]
	}
	name = strings.Trim(name, "\"`[]'")
	if name == "" || len(name) > maxName {
		return "", false
	}
	return strings.Clone(strings.ToLower(name)), true
}

// clauseWithin is how far from its end, in bytes, a statement has the clause: it comes last, but for what encloses it.
const clauseWithin = 256

// sharesRows reports whether a statement has the clause by which several workers take rows of one table. It is written in
// capitals or in small letters; to look for mixtures would cost every query. Of each word its rarest letter is looked for
// first.
func sharesRows(sql, database string) bool {
	sql = sql[max(0, len(sql)-clauseWithin):]
	if strings.IndexByte(sql, 'K') >= 0 && strings.Contains(sql, "SKIP LOCKED") {
		return true
	}
	if strings.IndexByte(sql, 'k') >= 0 && strings.Contains(sql, "skip locked") {
		return true
	}
	switch database {
	case "postgresql", "mysql", "mariadb", "sqlite", "oracle", "oracle.db", "cockroachdb":
		return false
	}
	return strings.Contains(sql, "READPAST") || strings.Contains(sql, "readpast")
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// indexFold finds an ASCII word, whatever the case of its letters, or returns -1.
func indexFold(s, word string) int {
	upper := word[0] - ('a' - 'A')
	for i := 0; i+len(word) <= len(s); i++ {
		if (s[i] == word[0] || s[i] == upper) && strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}

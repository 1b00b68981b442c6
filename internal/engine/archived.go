package engine

import "github.com/throughline/throughline/internal/operation"

// Has reports whether the engine holds an operation with the given ID or alias.
func (e *Engine) Has(namespace, id string) bool {
	n := e.lookup(namespace, id)
	if n == nil {
		return false
	}
	return !e.shard(n).isEmpty(n)
}

// ViewOf reduces facts of an operation that the engine does not hold.
func (e *Engine) ViewOf(facts []operation.Fact) *operation.View {
	op := operation.New(e.symbols)
	for i := range facts {
		op.Add(&facts[i])
	}
	return op.View(&e.habits)
}

// Package store says what of the state of operations outlives the process, and what a place that keeps it must promise.
//
// It holds the contract ([Store]), the values that are kept, and their encoding ([AppendFacts], [DecodeFacts]), which is versioned
// and knows nothing of the process that wrote it. It does no I/O: the packages sqlite and postgres do, on the queries of sqlstore, and
// storetest holds both to the contract.
package store

// Package console is the HTTP API over operations, incidents and what people did about them, and the selection behind its lists.
//
// [Handler] answers what the document it serves at /api/v1/openapi.yaml describes, out of a [Source]; [Select],
// [CheckHealth], [Tally] and [SelectIncidents] are the pure functions with which a source that holds its operations in
// memory answers. Everything a response shows may have been written by an attacker, so every response is bounded in size,
// and no text of it is ever markup.
package console

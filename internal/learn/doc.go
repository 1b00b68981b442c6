// Package learn learns from operations that completed what is usual: how long messages wait and are processed, what always
// follows, and who consumes each message.
//
// A [Book] is taught by [Book.Learn], once for each operation that completed, and answers a judge as an
// [operation.Experience]. It keeps a quantile sketch for each stage (operation, destination, type of message, consumer group) and forgets slowly;
// it knows no clock, no I/O and no goroutine, times come in as arguments.
//
// # Thresholds
//
// The threshold of a stage is a high quantile of what was seen, times a factor, and never below a floor. It is not told before
// MinSamples observations; where an operation of that name has too few, those of all operations with messages of that destination
// and type are taken, which are kept under the name "". Operations without a name of their own, and those that nobody gave an
// ID and that may so be parts of others, are learned from under that name only.
//
// Observations are kept in two generations. A new one begins when the younger is a half-life old and has MinSamples
// observations, and then the older one is forgotten: what is remembered reaches back one to two half-lives, further where there is
// little, and never becomes too little.
//
// # What an outage teaches
//
// What took longer than the threshold and completed after all counts, but everything of that kind together gains no more weight
// than 1.25 x (1 - quantile) of all that is remembered in one half-life, at an even pace, of which an eighth can be saved up. It takes a weight of
// (1 - quantile) to move the quantile to such values. So 2,000 messages that waited 30 minutes for a dead consumer
// move it no more than a few more values in the tail that was seen before would, whereas a change of behaviour that lasts is learned
// after 0.8 half-lives (later if it shows less than ten times in one).
//
// # What always follows, and who always consumes
//
// A destination always follows a hop of an operation if each of the last MinSamples completed operations of that name in which the hop
// was done went on to it from there: the message was sent by who consumed the hop, by what the trace tells, else by the service
// that had consumed last before. One exception takes the habit away, until it has been regained. A group always consumes a destination
// if it did with each of the last MinSamples messages there. Both are forgotten if nothing was seen of them for two half-lives.
// A group that consumes no more while its service consumes as a group that appeared meanwhile, or up to an hour before, has been renamed: the
// new name takes over what was known of the old one.
//
// # Bounds
//
// Names with random parts are refused, or left out where the rest still says something. Beyond MaxStages those leave first that
// were not seen for a half-life, then those of which too little is known, the least recently seen first, so that a flood of names does
// not displace what was learned.
package learn

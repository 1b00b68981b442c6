// Package options reads asyncgen's command line.
//
// Every value is checked while it is read, and an error names the flag, the value and what is allowed.
// The defaults are those of the usage text, which is generated from the same table.
package options

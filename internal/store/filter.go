package store

import (
	"strconv"
	"strings"
)

// A filter is the end of a query whose conditions depend on what was asked
// for.
type filter struct {
	text strings.Builder
	args []any
}

// where starts a filter; text has its first arguments numbered.
func where(text string, args ...any) *filter {
	f := &filter{args: args}
	f.text.WriteString(text)
	return f
}

// and adds a condition, such as "id > ", on a value.
func (f *filter) and(condition string, value any) {
	f.text.WriteString(" AND ")
	f.add(condition, value)
}

// add adds words and the value they end in.
func (f *filter) add(words string, value any) {
	f.args = append(f.args, value)
	f.text.WriteString(words + "$" + strconv.Itoa(len(f.args)))
}

func (f *filter) String() string { return f.text.String() }

package events

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/agenttest"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
)

func TestWhatAResumedStreamRepeats(t *testing.T) {
	abc := []string{whole(Working), begin("a", "1"), more("a", "2"), more("a", "3")}
	for name, c := range map[string]struct {
		events     []string
		found, got string
	}{
		"nothing lost, nothing repeated": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3")), more("a", "4")},
			"--", "a:1|2|3|4"},
		"the snapshot is ahead": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3", "4", "5")), more("a", "6")},
			"--", "a:1|2|3|4|5|6"},
		"the snapshot is ahead of a repetition": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3", "4", "5")), more("a", "4"),
				more("a", "5"), more("a", "5")}, "-dd-", "a:1|2|3|4|5|5"},
		"the last is repeated": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3", "4", "5")), more("a", "5"),
				more("a", "6")}, "-d-", "a:1|2|3|4|5|6"},
		"all is repeated": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3", "4")), begin("a", "1"),
				more("a", "2", "3"), more("a", "4"), more("a", "5")}, "-ddd-", "a:1|2|3|4|5"},
		"started over, in another way": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3", "4")), begin("a", "1"),
				more("a", "2"), more("a", "x")}, "-ddg", "a:1|2|x"},
		"replaced": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3", "4")), begin("a", "9"),
				more("a", "4")}, "---", "a:9|4"},
		"equal pieces that are new": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3")), more("a", "3")},
			"--", "a:1|2|3|3"},
		"an end without parts": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3", "4")), more("a"),
				more("a", "4")}, "--d", "a:1|2|3|4"},
		"the snapshot is behind": {
			[]string{"resumed" + whole(Working, list("a", "1", "2")), more("a", "4")},
			"g-", "a:1|2|4"},
		"the snapshot is another": {
			[]string{"resumed" + whole(Working, list("a", "x", "y", "z"))}, "g", "a:x|y|z"},
		"the snapshot lacks it": {
			[]string{"resumed" + whole(Working), more("a", "4")}, "g-", "a:1|2|3|4"},
		"an unknown one": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3"), list("b", "x")),
				more("b", "x")},
			"g-", "a:1|2|3 b:x|x"},
		"text joined": {
			[]string{"resumed" + whole(Working, list("a", "1234")), more("a", "5")}, "--", "a:1234|5"},
		"text joined, shorter": {[]string{"resumed" + whole(Working, list("a", "12"))}, "g", "a:12"},
		"a status is repeated": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3")), status(Working, ""),
				status(Working, "")}, "-d-", "a:1|2|3"},
		"another status": {
			[]string{"resumed" + whole(Working, list("a", "1", "2", "3")),
				status(Working, said("m", "x")), status(Working, "")}, "---", "a:1|2|3"},
	} {
		task := &Task{}
		assert.Equal(t, "----", merge(t, task, abc...), name)
		assert.Equal(t, c.found, merge(t, task, c.events...), name)
		assert.Equal(t, c.got, texts(t, task), name)
	}
}

// A second break begins with what the task is then.
func TestStreamsBreakMoreThanOnce(t *testing.T) {
	task := &Task{}
	assert.Equal(t, "---d---", merge(t, task, whole(Working), begin("a", "1"),
		"resumed"+whole(Working, list("a", "1", "2")), more("a", "2"), more("a", "3"),
		"resumed"+whole(Working, list("a", "1", "2", "3")), more("a", "3")))
	assert.Equal(t, "a:1|2|3|3", texts(t, task))
	assert.False(t, task.Gap)
}

func TestSameIsOfMeaning(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1}`, `{"a":1}`, true}, {`{"a":1,"b":"x"}`, "{ \"b\":\"x\",\n\"a\": 1 }", true},
		{`{"a":1}`, `{"a":2}`, false}, {`{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		{`{"a":1}`, `{"a":1,"b":2}`, false}, {``, ``, true}, {`x`, `y`, false},
	} {
		assert.Equal(t, c.want, same(json.RawMessage(c.a), json.RawMessage(c.b)), "%s %s", c.a, c.b)
	}
}

// updates are where inputs made for merging begin.
var updates = []string{whole(Working, list("a", "x")), whole(Working, list("a", "x", "y")),
	more("a", "y"), begin("a", "x"), whole(Working, list("a", "y")), begin("a", "y"),
	status(Working, said("m", "x")), `{"message":{"messageId":"m"}}`, status(Completed, "")}

func FuzzMerge(f *testing.F) {
	for i := 0; i < len(updates); i += 3 {
		f.Add([]byte(updates[i]), []byte(updates[i+1]), []byte(updates[i+2]))
	}
	f.Fuzz(func(t *testing.T, one, two, three []byte) { mergeThree(t, one, two, three) })
}

func TestMutatedUpdates(t *testing.T) {
	agenttest.Mutations(t, updates, func(t testing.TB, next func() []byte) {
		mergeThree(t, next(), next(), next())
	})
}

// mergeThree merges any three events, the second one as a snapshot: it never fails in another way
// than the two that it may, keeps count of what it holds, and writes JSON.
func mergeThree(t testing.TB, one, two, three []byte) {
	task := &Task{Most: 4096}
	for i, data := range [][]byte{one, two, three, two, three, three} {
		if raw.Check(data) != nil {
			continue
		}
		e, err := Parse(data)
		if err != nil {
			continue
		}
		if _, err = task.Merge(e, i == 1 || i == 3); err != nil {
			continue
		}
		if task.size != task.count() {
			t.Fatalf("%d counted, %d held", task.size, task.count())
		}
		if text := task.JSON(); text != nil && raw.Check(text) != nil {
			t.Fatalf("%s: %v", text, raw.Check(text))
		}
	}
}

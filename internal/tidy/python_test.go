package tidy

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// interpreter is the project's own Python where it exists, else the machine's.
func interpreter(t *testing.T) string {
	t.Helper()
	own := filepath.Join(root(t), ".venv", "bin", "python")
	if _, err := os.Stat(own); err == nil {
		return own
	}
	found, err := exec.LookPath("python3")
	require.NoError(t, err, "Python is needed to read Python")
	return found
}

// askPython runs python_rules.py over every Python file and decodes what it prints.
func askPython(t *testing.T, question string, answer any) {
	t.Helper()
	arguments := []string{"python_rules.py", question, root(t)}
	for _, f := range files(t) {
		if f.ext() == ".py" {
			arguments = append(arguments, f.name)
		}
	}
	var said bytes.Buffer
	command := exec.Command(interpreter(t), arguments...)
	command.Stderr = &said
	out, err := command.Output()
	require.NoError(t, err, said.String())
	require.NoError(t, json.Unmarshal(out, answer))
}

// The rules for Python are read with Python's own parser.
func TestPythonFollowsTheRules(t *testing.T) {
	var found []string
	askPython(t, "rules", &found)
	report(t, found)
}

package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"

	"github.com/ruvector/ruvector-arrow/agentclient/internal/agenttest"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/raw"
	"github.com/ruvector/ruvector-arrow/agentclient/internal/web"
	"github.com/ruvector/ruvector-arrow/agentclient/problem"
)

// envelopes are answers of agents, good and bad.
var envelopes = []string{
	`{"jsonrpc":"2.0","id":"7","result":{"task":{"id":"t","status":{"state":"TASK_STATE_WORKING"}}}}`,
	`{"jsonrpc":"2.0","id":"7","result":{"message":{"parts":[{"text":"a"}]}}}`,
	`{"jsonrpc":"2.0","id":"7","result":null}`, `{"jsonrpc":"2.0","id":7,"result":{}}`,
	`{"jsonrpc":"2.0","id":"7","error":{"code":-32001,"message":"x","data":[{` +
		`"reason":"TASK_NOT_FOUND","domain":"a2a-protocol.org"}]}}`,
	`{"jsonrpc":"2.0","id":null,"error":{"code":"-32603","message":[1],"data":{"a":1}}}`,
	`{"jsonrpc":"2.0","id":"7","error":"broken","result":{}}`,
	`{"error":{"code":404,"status":"NOT_FOUND","message":"gone","details":[{"reason":"X"},7]}}`,
	`{"tasks":[],"nextPageToken":"","pageSize":1,"totalSize":0}`, `<html>`, "",
}

// asker is a client that asks nobody.
func asker(t testing.TB) *web.Client {
	client, err := web.New(web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// sound checks that an error is one of package problem that can be shown.
func sound(t testing.TB, err error) {
	var e *problem.Error
	if !errors.As(err, &e) || e.Code == "" || e.Msg == "" {
		t.Fatalf("not an error of ours: %#v", err)
	}
	if text := e.Error(); len(text) > 6000 || strings.ContainsAny(text, "\x00\x1b\n\r") {
		t.Fatalf("not fit to be shown: %q", text)
	}
	if data, ok := e.Detail["data"].([]byte); ok && len(data) > mostData {
		t.Fatalf("%d bytes of data", len(data))
	}
}

// checkEnvelope reads an answer as each binding does.
func checkEnvelope(t testing.TB, client *web.Client, data []byte) {
	shared := &line{at: Interface{URL: "https://a.example", Version: Current}, web: client}
	over := &rpc{line: shared, dialect: current{}}
	result, err := over.envelope(data, "7", GetTask, 200)
	if err != nil {
		sound(t, err)
	} else if o, wrong := raw.Parse(data); wrong != nil || string(o["result"]) != string(result) {
		t.Fatalf("it was read, and is not what came: %v", wrong)
	}
	http := &rest{line: shared}
	status := one(data, 200, 200, 200, 204, 400, 401, 404, 500, 503)
	op := one(data, SendMessage, GetTask, DeletePush, SubscribeToTask)
	answer := &web.Response{Status: status, Header: headerOf("application/json"), Body: data,
		URL: "https://a.example"}
	got, err := http.read(answer, &prepared{Call: Call{Op: op}, method: methods[op], taskID: "t"})
	again, second := over.read(answer, "7", op)
	for _, end := range []struct {
		got []byte
		err error
	}{{got, err}, {again, second}} {
		if end.err != nil {
			sound(t, end.err)
		} else if raw.KindOf(end.got) != "object" || status > 299 {
			t.Fatalf("%s with %d: %q", op, status, end.got)
		}
	}
	if event, err := http.event("", data, &prepared{}); err != nil {
		sound(t, err)
	} else if raw.Check(event) != nil {
		t.Fatalf("no JSON: %q", event)
	}
}

// one picks by what the data is: of many inputs each value gets its share.
func one[T any](data []byte, values ...T) T {
	return values[int(crc32.ChecksumIEEE(data))%len(values)]
}

func headerOf(kind string) http.Header { return http.Header{"Content-Type": {kind}} }

// FuzzEnvelope reads whatever comes as an answer, over both bindings.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range envelopes {
		f.Add([]byte(seed))
	}
	client := asker(f)
	f.Fuzz(func(t *testing.T, data []byte) { checkEnvelope(t, client, data) })
}

func TestMutatedEnvelopes(t *testing.T) {
	client := asker(t)
	agenttest.Mutations(t, envelopes, func(t testing.TB, next func() []byte) {
		checkEnvelope(t, client, next())
	})
}

// formers are what agents of older dialects say, and what is said to them.
var formers = []string{
	`{"kind":"task","id":"t","contextId":"c","status":{"state":"working","timestamp":"T","message":` +
		`{"kind":"message","role":"agent","messageId":"m","parts":[{"kind":"text","text":"a"}]}},` +
		`"artifacts":[{"artifactId":"a","parts":[{"kind":"data","data":{"v":9007199254740993}}]}]}`,
	`{"kind":"status-update","taskId":"t","status":{"state":"input-required"},"final":true}`,
	`{"kind":"artifact-update","taskId":"t","append":true,"artifact":{"artifactId":"a","parts":[` +
		`{"kind":"file","file":{"bytes":"AA==","mimeType":"m","name":"n"}},{"kind":"data","data":` +
		`{"value":1},"metadata":{"data_part_compat":true,"mediaType":"x"}}]}}`,
	`{"id":"t","status":{"state":"completed","timestamp":"2026-01-01T00:00:00Z"},"final":true}`,
	`{"id":"t","artifact":{"index":1,"parts":[{"type":"text","text":"a"}],"lastChunk":true}}`,
	`{"taskId":"t","pushNotificationConfig":{"url":"u","authentication":{"schemes":["Bearer"]}}}`,
	`[{"taskId":"t","pushNotificationConfig":{}}]`, hello,
	`{"message":{"parts":[{"data":[1]},{"url":"u","filename":"f"},{"raw":"AA=="}],"metadata":{` +
		`"skill":"s"}},"configuration":{"returnImmediately":true}}`,
}

// FuzzDialect03 rewrites whatever comes, both ways.
func FuzzDialect03(f *testing.F) {
	for _, seed := range append(formers, envelopes...) {
		f.Add([]byte(seed))
	}
	for _, pair := range parts {
		f.Add([]byte(pair[0]))
		f.Add([]byte(pair[1]))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkDialects(t, data) })
}

func TestMutatedDialects(t *testing.T) {
	seeds := formers
	for _, pair := range parts {
		seeds = append(seeds, pair[0], pair[1])
	}
	agenttest.Mutations(t, seeds, func(t testing.TB, next func() []byte) { checkDialects(t, next()) })
}

// checkDialects holds what is true of every rewriting: what comes out is strict JSON, and what is
// of 1.0 already stays as it is.
func checkDialects(t testing.TB, data []byte) {
	for _, name := range []string{"status", "artifact", "warning", ""} {
		if event, _, _, err := oldEvent(name, data); err == nil && event != nil {
			strict(t, data, event)
		}
	}
	o, err := raw.Parse(data)
	if err != nil {
		if raw.Check(data) == nil { // an array, for lists
			_, _ = former{}.result(one(data, ListPush, GetTask, SendMessage), data)
		}
		return
	}
	event, err := former{}.event(data)
	if err == nil {
		strict(t, data, event)
		again, err := former{}.event(event)
		if err != nil || string(again) != string(event) {
			t.Fatalf("%s changes to %s (%v)", event, again, err)
		}
	}
	op := one(data, SendMessage, GetTask, CancelTask, CreatePush, GetPush, ListPush)
	for _, d := range []dialect{former{}, oldestDialect{}} {
		if sent, err := d.params(op, o); err == nil {
			strict(t, data, raw.Of(sent))
		}
		if result, err := d.result(op, data); err == nil {
			strict(t, data, result)
		}
	}
	checkPart(t, o, data)
}

// strict checks that what was made of data is strict JSON, if not deeper than may be: a rewriting
// wraps things.
func strict(t testing.TB, data, made []byte) {
	if err := raw.Check(made); err != nil && !strings.Contains(err.Error(), "deeper") {
		t.Fatalf("%s became %s: %v", data, made, err)
	}
}

// checkPart sends a part out and takes it back in.
func checkPart(t testing.TB, o raw.Object, data []byte) {
	contents := 0
	for _, key := range []string{"text", "raw", "url", "data"} {
		if o[key] != nil {
			contents++
		}
	}
	metadata, err := o.Object("metadata")
	bound := o["kind"] != nil || o["file"] != nil || o["metadata"] != nil && len(metadata) == 0
	for _, name := range []string{"mediaType", "filename", compat} {
		bound = bound || metadata[name] != nil || o[name] != nil && raw.KindOf(o[name]) != "string"
	}
	for _, key := range []string{"raw", "url"} {
		bound = bound || o[key] != nil && !o.Has(key)
	}
	if contents != 1 || bound || err != nil {
		return // 0.3 has no place for it
	}
	before := sorted(raw.Of(o))
	out, err := object(partOut)(data)
	if err != nil {
		t.Fatalf("%s does not go out: %v", data, err)
	}
	back, err := object(partIn)(out)
	if err != nil || sorted(back) != before {
		t.Fatalf("%s went out as %s and came back as %s (%v)", before, out, back, err)
	}
}

// sorted writes JSON with the keys of all objects in order and numbers as they are: metadata that
// something was added to, and taken from again, has them so.
func sorted(data []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return err.Error()
	}
	return string(raw.Of(value))
}

#!/usr/bin/env bash
# Starts the example, uses it with curl, looks at its page in headless Chromium, and shuts it down with Ctrl-C.
# Needs curl. Without Chromium and its driver (Debian: chromium, chromium-driver) it skips the page.
#
# `examples/service/test.sh [SCREENSHOT]` also writes a picture of the page (PNG).
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --features full --example service
work=$(mktemp -d)
# A command in the background of a script ignores Ctrl-C, unless it runs in a process group of its own.
set -m
env -u APIKLEY_API_KEY "${CARGO_TARGET_DIR:-target}/debug/examples/service" >"$work/out" 2>"$work/err" &
service=$!
set +m
driver=""
trap 'kill "$service" $driver 2>/dev/null || true; rm -rf "$work"' EXIT

fail() {
    echo "failed: $1" >&2
    cat "$work/out" "$work/err" >&2
    exit 1
}

# wait_for WHAT COMMAND …: until the command succeeds, for at most 30 s.
wait_for() {
    local what=$1
    shift
    for _ in $(seq 300); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.1
    done
    fail "$what"
}

wait_for "the service starts" grep -q '^http' "$work/out"
url=$(grep '^http' "$work/out")

# expect WHAT TEXT COMMAND …: the output of the command holds the text.
expect() {
    local what=$1 text=$2 output
    shift 2
    output=$("$@")
    [[ $output == *"$text"* ]] || fail "$what: no $text in: ${output:0:2000}"
    echo "ok: $what"
}

expect "an unknown task is not found" 404 curl -s -o /dev/null -w '%{http_code}' "$url/edits/harbour"
for id in harbour meadow cellar endless; do
    expect "waiting for $id starts" 202 curl -s -o /dev/null -w '%{http_code}' -X POST "$url/edits/$id"
done
# Three streams and one upstream poll for all of them.
for stream in 1 2 3; do curl -sN --max-time 30 "$url/edits/meadow/events" >"$work/events$stream" & streams+=" $!"; done
wait $streams
expect "a stream has the failed poll" "event: poll_failed" cat "$work/events1"
for stream in 1 2 3; do
    expect "stream $stream ends with the result" "event: done" tail -n 3 "$work/events$stream"
done
expect "the state of a task is its latest event" '"status":"CALLBACK_FAILED"' curl -s "$url/edits/meadow"
[[ $(curl -s "$url/edits/meadow") != *param_json\":\"* ]] || fail "what the task was made with is shown"
expect "metrics are served" 'luma_watch_watch_duration_count{outcome="callback_failed"} 1' curl -s "$url/metrics"
polls=$(sed -n 's/.*"polls":\([0-9]*\).*/\1/p' <(curl -s "$url/edits/meadow"))
[ "$polls" -le 9 ] || fail "$polls polls for one task: each stream polls for itself"

if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then
    chromedriver --port=0 >"$work/driver" 2>&1 &
    driver=$!
    wait_for "chromedriver starts" grep -q 'on port [1-9]' "$work/driver"
    port=$(sed -n 's/.*on port \([0-9]*\).*/\1/p' "$work/driver" | tail -n 1)
    # ask PATH JSON: one command of the WebDriver protocol.
    ask() { curl -s -H 'content-type: application/json' "http://127.0.0.1:$port/session$1" -d "$2"; }
    session=$(ask "" '{"capabilities":{"alwaysMatch":{"goog:chromeOptions":{"args":["--headless","--no-sandbox","--disable-gpu",
        "--disable-quic","--no-first-run","--disable-background-networking","--disable-component-update","--disable-sync",
        "--disable-dev-shm-usage","--window-size=900,1100","--user-data-dir='"$work"'/profile"]}}}}' |
        sed -n 's/.*"sessionId":"\([^"]*\)".*/\1/p')
    [ -n "$session" ] || fail "Chromium starts: $(cat "$work/driver")"
    ask "/$session/url" "{\"url\":\"$url\"}" >/dev/null
    # shows ID TEXT: whether the card of the task holds the text.
    shows() {
        ask "/$session/execute/sync" "{\"script\":\"return document.querySelector('[data-id=\\\"$1\\\"]')?.innerText ?? ''\",\"args\":[]}" |
            grep -qF -- "$2"
    }
    wait_for "the page shows a success" shows meadow CALLBACK_FAILED
    wait_for "the page shows why a task failed" shows cellar "The video is too dark."
    wait_for "the page counts down to the next poll" shows endless "next poll in"
    wait_for "the page shows a result" shows harbour "/files/"
    ask "/$session/execute/sync" '{"script":"document.querySelector(\"input\").value = \"new one\"; document.querySelector(\"button\").click()","args":[]}' >/dev/null
    wait_for "the page watches another task" shows "new one" "no record"
    echo "ok: the page in Chromium"
    if [ -n "${1:-}" ]; then
        curl -s "http://127.0.0.1:$port/session/$session/screenshot" | sed -n 's/.*"value":"\([^"]*\)".*/\1/p' | base64 -d >"$1"
    fi
    curl -s -X DELETE "http://127.0.0.1:$port/session/$session" >/dev/null
else
    echo "SKIPPED: the page in Chromium: install chromium and chromium-driver"
fi

# A stream that is open does not hold the shutdown up.
curl -sN --max-time 30 "$url/edits/endless/events" >"$work/open" &
wait_for "the last stream is open" grep -q 'event: generating' "$work/open"
kill -INT "$service"
for _ in $(seq 100); do
    kill -0 "$service" 2>/dev/null || break
    sleep 0.1
done
if kill -0 "$service" 2>/dev/null; then fail "it is still running 10 s after Ctrl-C"; fi
wait "$service" || fail "it ended with an error"
expect "Ctrl-C says what has not ended" "watch again later: endless" cat "$work/out"

// One response over a WebSocket with github.com/coder/websocket, and one line of JSON with all events that came back.
// Key, base URL, proxy and certificates come from the environment alone. There is one task, "responses".
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/coder/websocket"
)

const request = `{"type":"response.create","model":"gpt-5","input":"Hello"}`

func address() string {
	if base := os.Getenv("OPENAI_BASE_URL"); base != "" {
		return strings.Replace(base, "http", "ws", 1) + "/responses"
	}
	return "wss://api.openai.com/v1/responses"
}

func events(ctx context.Context) ([]json.RawMessage, error) {
	header := http.Header{"Authorization": {"Bearer " + os.Getenv("OPENAI_API_KEY")}}
	connection, _, err := websocket.Dial(ctx, address(), &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, err
	}
	defer connection.CloseNow()
	if err := connection.Write(ctx, websocket.MessageText, []byte(request)); err != nil {
		return nil, err
	}
	var found []json.RawMessage
	for {
		_, data, err := connection.Read(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, data)
		var event struct{ Type string }
		if err := json.Unmarshal(data, &event); err != nil {
			return nil, err
		}
		if event.Type == "response.completed" || event.Type == "error" {
			return found, connection.Close(websocket.StatusNormalClosure, "")
		}
	}
}

func main() {
	found, err := events(context.Background())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

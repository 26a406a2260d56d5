package recipe

import (
	"net/url"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// The test id: each test has its own recordings.
func client(t *testing.T) openai.Client {
	return openai.NewClient(option.WithHeader("X-Test-Id", url.PathEscape(t.Name())))
}

func TestGreeting(t *testing.T) {
	api := client(t)
	answer, err := api.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{
		Model:    "gpt-4o-mini",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Say hello")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(answer.Choices[0].Message.Content, "Hello") {
		t.Error(answer.Choices[0].Message.Content)
	}
}

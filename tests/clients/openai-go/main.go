// One request to the OpenAI API with openai-go, and one line of JSON saying what came back.
//
// The only argument is the case; key, base URL, proxy and certificates come from the environment alone.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

const (
	model           = "gpt-4o-mini"
	system          = "Antworte knapp: höchstens ein Satz."
	question        = "Grüße aus Zürich! Was heißt „東京“ auf Deutsch? 🗼"
	weatherQuestion = "Wie ist das Wetter in Zürich?"
)

type toolCall struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type usage struct {
	PromptTokens     int64 `json:"prompt_tokens"`
	CompletionTokens int64 `json:"completion_tokens"`
	TotalTokens      int64 `json:"total_tokens"`
}

type vector struct {
	Dimensions int     `json:"dimensions"`
	First      float64 `json:"first"`
}

type failure struct {
	Class   string  `json:"class"`
	Status  *int    `json:"status"`
	Message string  `json:"message"`
	Code    *string `json:"code"`
}

// received is the line to print: every key, whether the case has it or not.
type received struct {
	Client       string     `json:"client"`
	Case         string     `json:"case"`
	Text         *string    `json:"text"`
	FinishReason *string    `json:"finish_reason"`
	ToolCalls    []toolCall `json:"tool_calls"`
	Usage        *usage     `json:"usage"`
	Chunks       int        `json:"chunks"`
	Embeddings   []vector   `json:"embeddings"`
	Error        *failure   `json:"error"`
}

func conversation(question string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: model,
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage(system),
			openai.UserMessage(question),
		},
		Temperature: openai.Float(1.0),
	}
}

func questionOnly(model, question string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    model,
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)},
	}
}

func conversationWithTool() openai.ChatCompletionNewParams {
	params := conversation(weatherQuestion)
	params.Tools = []openai.ChatCompletionToolUnionParam{
		openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name:        "get_weather",
			Description: openai.String("The current weather in a city"),
			Parameters: shared.FunctionParameters{
				"type": "object",
				"properties": map[string]any{
					"city": map[string]any{"type": "string", "description": "e.g. Zürich"},
				},
				"required":             []string{"city"},
				"additionalProperties": false,
			},
		}),
	}
	params.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("auto")}
	return params
}

func responseParams() responses.ResponseNewParams {
	return responses.ResponseNewParams{
		Model:       model,
		Input:       responses.ResponseNewParamsInputUnion{OfString: openai.String(question)},
		Temperature: openai.Float(1.0),
	}
}

func (r *received) fromCompletion(completion *openai.ChatCompletion) {
	choice := completion.Choices[0]
	if choice.Message.Content != "" {
		r.Text = &choice.Message.Content
	}
	r.FinishReason = &choice.FinishReason
	for _, call := range choice.Message.ToolCalls {
		r.ToolCalls = append(r.ToolCalls, toolCall{call.Function.Name, call.Function.Arguments})
	}
	if completion.Usage.TotalTokens != 0 {
		r.Usage = &usage{
			completion.Usage.PromptTokens, completion.Usage.CompletionTokens, completion.Usage.TotalTokens,
		}
	}
}

func (r *received) chat(client openai.Client, params openai.ChatCompletionNewParams) error {
	completion, err := client.Chat.Completions.New(context.Background(), params)
	if err != nil {
		return err
	}
	r.fromCompletion(completion)
	return nil
}

func (r *received) stream(client openai.Client, params openai.ChatCompletionNewParams) error {
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Chat.Completions.NewStreaming(context.Background(), params)
	defer stream.Close()
	accumulator := openai.ChatCompletionAccumulator{}
	for stream.Next() {
		r.Chunks++
		if !accumulator.AddChunk(stream.Current()) {
			return fmt.Errorf("chunk %d does not belong to the completion %s", r.Chunks, accumulator.ID)
		}
	}
	if err := stream.Err(); err != nil {
		return err
	}
	r.fromCompletion(&accumulator.ChatCompletion)
	return nil
}

func (r *received) embeddings(client openai.Client) error {
	answer, err := client.Embeddings.New(context.Background(), openai.EmbeddingNewParams{
		Model:          "text-embedding-3-small",
		Input:          openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"Zürich", "東京"}},
		EncodingFormat: openai.EmbeddingNewParamsEncodingFormatFloat,
	})
	if err != nil {
		return err
	}
	for _, item := range answer.Data {
		r.Embeddings = append(r.Embeddings, vector{len(item.Embedding), item.Embedding[0]})
	}
	r.Usage = &usage{answer.Usage.PromptTokens, 0, answer.Usage.TotalTokens}
	return nil
}

func (r *received) fromResponse(response *responses.Response) {
	text, status := response.OutputText(), string(response.Status)
	r.Text, r.FinishReason = &text, &status
	r.Usage = &usage{response.Usage.InputTokens, response.Usage.OutputTokens, response.Usage.TotalTokens}
}

func (r *received) responses(client openai.Client) error {
	response, err := client.Responses.New(context.Background(), responseParams())
	if err != nil {
		return err
	}
	r.fromResponse(response)
	return nil
}

func (r *received) responsesStream(client openai.Client) error {
	stream := client.Responses.NewStreaming(context.Background(), responseParams())
	defer stream.Close()
	text := ""
	for stream.Next() {
		r.Chunks++
		switch event := stream.Current().AsAny().(type) {
		case responses.ResponseTextDeltaEvent:
			text += event.Delta
		case responses.ResponseCompletedEvent:
			r.fromResponse(&event.Response)
		}
	}
	r.Text = &text
	return stream.Err()
}

func (r *received) run(client openai.Client) error {
	switch r.Case {
	case "chat":
		return r.chat(client, conversation(question))
	case "stream":
		return r.stream(client, conversation(question))
	case "tools":
		return r.chat(client, conversationWithTool())
	case "tools-stream":
		return r.stream(client, conversationWithTool())
	case "miss":
		return r.chat(client, questionOnly(model, "never recorded"))
	case "error":
		return r.chat(client, questionOnly("no-such-model", "Hallo"))
	case "embeddings":
		return r.embeddings(client)
	case "responses":
		return r.responses(client)
	case "responses-stream":
		return r.responsesStream(client)
	}
	return fmt.Errorf("unknown case %q", r.Case)
}

func describe(err error) *failure {
	var apiError *openai.Error
	if !errors.As(err, &apiError) {
		return &failure{Class: fmt.Sprintf("%T", err), Message: err.Error()}
	}
	return &failure{"openai.Error", &apiError.StatusCode, apiError.Message, &apiError.Code}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "expected one argument, the case")
		os.Exit(2)
	}
	answer := received{Client: "openai-go", Case: os.Args[1], ToolCalls: []toolCall{}, Embeddings: []vector{}}
	if err := answer.run(openai.NewClient()); err != nil {
		answer.Error = describe(err)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

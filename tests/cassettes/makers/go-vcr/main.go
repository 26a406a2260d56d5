// Records with go-vcr what a Go program sends: `go run . FOLDER`.
package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"

	"gopkg.in/dnaeon/go-vcr.v4/pkg/cassette"
	"gopkg.in/dnaeon/go-vcr.v4/pkg/recorder"
)

const url = "https://api.openai.com/v1"

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func post(client *http.Client, path, contentType string, body []byte) {
	request, err := http.NewRequest("POST", url+path, bytes.NewReader(body))
	check(err)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Authorization", "Bearer sk-test-0123456789abcdef0123456789abcdef")
	response, err := client.Do(request)
	check(err)
	_, err = io.Copy(io.Discard, response.Body)
	check(err)
	check(response.Body.Close())
}

func chat(text string, stream bool) []byte {
	body, err := json.Marshal(map[string]any{
		"model":    "gpt-4o",
		"stream":   stream,
		"messages": []map[string]string{{"role": "user", "content": text}},
	})
	check(err)
	return body
}

func form() (string, []byte) {
	var body bytes.Buffer
	writer := multipart.NewWriter(&body)
	check(writer.SetBoundary("go-form"))
	check(writer.WriteField("purpose", "user_data"))
	file, err := writer.CreateFormFile("file", "a.bin")
	check(err)
	_, err = file.Write([]byte{0, 255, 1, '\n'})
	check(err)
	check(writer.Close())
	return writer.FormDataContentType(), body.Bytes()
}

func main() {
	hook := func(interaction *cassette.Interaction) error {
		delete(interaction.Request.Headers, "Authorization")
		return nil
	}
	recording, err := recorder.New(filepath.Join(os.Args[1], "all"),
		recorder.WithMode(recorder.ModeRecordOnly), recorder.WithHook(hook, recorder.AfterCaptureHook))
	check(err)
	client := recording.GetDefaultClient()
	post(client, "/chat/completions", "application/json", chat("Hello from Go, naïve and 日本語.", false))
	post(client, "/chat/completions", "application/json", chat("Stream it.", true))
	post(client, "/chat/completions", "application/json", chat("Compressed [scenario: gzip]", false))
	post(client, "/audio/speech", "application/json", []byte(`{"model":"tts-1","voice":"alloy","input":"Say it."}`))
	contentType, body := form()
	post(client, "/files", contentType, body)
	check(recording.Stop())
}

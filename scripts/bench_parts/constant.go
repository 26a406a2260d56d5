// A server that answers every request with the bytes of a file: what Go's standard library allows at most.
//
//	go run constant.go PORT FILE
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
)

func main() {
	answer, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	length := strconv.Itoa(len(answer))
	handler := func(response http.ResponseWriter, request *http.Request) {
		io.Copy(io.Discard, request.Body)
		response.Header().Set("content-type", "text/event-stream; charset=utf-8")
		response.Header().Set("content-length", length)
		response.Write(answer)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], http.HandlerFunc(handler)))
}

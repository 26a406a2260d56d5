//! One request to the OpenAI API with async-openai, and one line of JSON saying what came back.
//!
//! The only argument is the case; key, base URL, proxy and certificates come from the environment alone.

use std::collections::BTreeMap;

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    types::{
        chat::{
            ChatCompletionMessageToolCalls, ChatCompletionRequestSystemMessage,
            ChatCompletionRequestUserMessage, ChatCompletionStreamOptions, ChatCompletionTool,
            ChatCompletionToolChoiceOption, ChatCompletionTools, CompletionUsage,
            CreateChatCompletionRequest, CreateChatCompletionRequestArgs, FunctionObjectArgs,
            ToolChoiceOptions,
        },
        embeddings::{CreateEmbeddingRequestArgs, EncodingFormat},
        responses::{
            CreateResponse, CreateResponseArgs, Response, ResponseStreamEvent, ResponseUsage,
        },
    },
};
use futures::StreamExt;
use serde_json::{Value, json};

const MODEL: &str = "gpt-4o-mini";
const SYSTEM: &str = "Antworte knapp: höchstens ein Satz.";
const QUESTION: &str = "Grüße aus Zürich! Was heißt „東京“ auf Deutsch? 🗼";
const WEATHER_QUESTION: &str = "Wie ist das Wetter in Zürich?";

type Answer = Result<Value, OpenAIError>;

fn conversation(question: &str) -> CreateChatCompletionRequestArgs {
    let mut request = CreateChatCompletionRequestArgs::default();
    request
        .model(MODEL)
        .messages([
            ChatCompletionRequestSystemMessage::from(SYSTEM).into(),
            ChatCompletionRequestUserMessage::from(question).into(),
        ])
        .temperature(1.0);
    request
}

fn question_only(model: &str, question: &str) -> Result<CreateChatCompletionRequest, OpenAIError> {
    CreateChatCompletionRequestArgs::default()
        .model(model)
        .messages([ChatCompletionRequestUserMessage::from(question).into()])
        .build()
}

fn weather_tool() -> Result<ChatCompletionTools, OpenAIError> {
    let function = FunctionObjectArgs::default()
        .name("get_weather")
        .description("The current weather in a city")
        .parameters(json!({
            "type": "object",
            "properties": {"city": {"type": "string", "description": "e.g. Zürich"}},
            "required": ["city"],
            "additionalProperties": false,
        }))
        .build()?;
    Ok(ChatCompletionTools::Function(ChatCompletionTool {
        function,
    }))
}

fn conversation_with_tool() -> Result<CreateChatCompletionRequestArgs, OpenAIError> {
    let mut request = conversation(WEATHER_QUESTION);
    request
        .tools(vec![weather_tool()?])
        .tool_choice(ChatCompletionToolChoiceOption::Mode(
            ToolChoiceOptions::Auto,
        ));
    Ok(request)
}

fn response_request() -> Result<CreateResponse, OpenAIError> {
    CreateResponseArgs::default()
        .model(MODEL)
        .input(QUESTION)
        .temperature(1.0)
        .build()
}

fn usage(usage: Option<CompletionUsage>) -> Value {
    usage.map_or(Value::Null, |usage| {
        json!({
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
        })
    })
}

fn response_usage(usage: Option<ResponseUsage>) -> Value {
    usage.map_or(Value::Null, |usage| {
        json!({
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        })
    })
}

async fn chat(client: &Client<OpenAIConfig>, request: CreateChatCompletionRequest) -> Answer {
    let completion = client.chat().create(request).await?;
    let choice = &completion.choices[0];
    let tool_calls: Vec<Value> = choice
        .message
        .tool_calls
        .iter()
        .flatten()
        .filter_map(|call| match call {
            ChatCompletionMessageToolCalls::Function(call) => {
                Some(json!({"name": call.function.name, "arguments": call.function.arguments}))
            }
            ChatCompletionMessageToolCalls::Custom(_) => None,
        })
        .collect();
    Ok(json!({
        "text": choice.message.content,
        "finish_reason": choice.finish_reason,
        "tool_calls": tool_calls,
        "usage": usage(completion.usage),
        "chunks": 0,
    }))
}

async fn stream(client: &Client<OpenAIConfig>, mut request: CreateChatCompletionRequest) -> Answer {
    request.stream_options = Some(ChatCompletionStreamOptions {
        include_usage: Some(true),
        include_obfuscation: None,
    });
    let mut chunks = client.chat().create_stream(request).await?;
    let (mut count, mut text, mut finish_reason, mut tokens) = (0, None::<String>, None, None);
    let mut tool_calls: BTreeMap<u32, (String, String)> = BTreeMap::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        count += 1;
        tokens = chunk.usage.or(tokens);
        let Some(choice) = chunk.choices.into_iter().next() else {
            continue;
        };
        finish_reason = choice.finish_reason.or(finish_reason);
        if let Some(content) = choice.delta.content {
            text.get_or_insert_default().push_str(&content);
        }
        for piece in choice.delta.tool_calls.into_iter().flatten() {
            let (name, arguments) = tool_calls.entry(piece.index).or_default();
            if let Some(function) = piece.function {
                name.push_str(&function.name.unwrap_or_default());
                arguments.push_str(&function.arguments.unwrap_or_default());
            }
        }
    }
    let tool_calls: Vec<Value> = tool_calls
        .into_values()
        .map(|(name, arguments)| json!({"name": name, "arguments": arguments}))
        .collect();
    Ok(json!({
        "text": text,
        "finish_reason": finish_reason,
        "tool_calls": tool_calls,
        "usage": usage(tokens),
        "chunks": count,
    }))
}

async fn embeddings(client: &Client<OpenAIConfig>) -> Answer {
    let request = CreateEmbeddingRequestArgs::default()
        .model("text-embedding-3-small")
        .input(["Zürich", "東京"])
        .encoding_format(EncodingFormat::Float)
        .build()?;
    let answer = client.embeddings().create(request).await?;
    let vectors: Vec<Value> = answer
        .data
        .iter()
        .map(|item| json!({"dimensions": item.embedding.len(), "first": item.embedding.first()}))
        .collect();
    Ok(json!({
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "completion_tokens": 0,
            "total_tokens": answer.usage.total_tokens,
        },
        "chunks": 0,
        "embeddings": vectors,
    }))
}

fn responded(response: Response, count: u32) -> Value {
    json!({
        "text": response.output_text(),
        "finish_reason": response.status,
        "usage": response_usage(response.usage),
        "chunks": count,
    })
}

async fn responses(client: &Client<OpenAIConfig>) -> Answer {
    Ok(responded(
        client.responses().create(response_request()?).await?,
        0,
    ))
}

async fn responses_stream(client: &Client<OpenAIConfig>) -> Answer {
    let mut events = client
        .responses()
        .create_stream(response_request()?)
        .await?;
    let (mut count, mut text, mut completed) = (0, String::new(), None);
    while let Some(event) = events.next().await {
        count += 1;
        match event? {
            ResponseStreamEvent::ResponseOutputTextDelta(event) => text.push_str(&event.delta),
            ResponseStreamEvent::ResponseCompleted(event) => completed = Some(event.response),
            _ => {}
        }
    }
    let mut answer = completed.map_or(json!({"chunks": count}), |response| {
        responded(response, count)
    });
    answer["text"] = json!(text);
    Ok(answer)
}

async fn run(client: &Client<OpenAIConfig>, case: &str) -> Answer {
    match case {
        "chat" => chat(client, conversation(QUESTION).build()?).await,
        "stream" => stream(client, conversation(QUESTION).build()?).await,
        "tools" => chat(client, conversation_with_tool()?.build()?).await,
        "tools-stream" => stream(client, conversation_with_tool()?.build()?).await,
        "miss" => chat(client, question_only(MODEL, "never recorded")?).await,
        "error" => chat(client, question_only("no-such-model", "Hallo")?).await,
        "embeddings" => embeddings(client).await,
        "responses" => responses(client).await,
        "responses-stream" => responses_stream(client).await,
        _ => Err(OpenAIError::InvalidArgument(format!(
            "unknown case {case:?}"
        ))),
    }
}

fn failure(error: &OpenAIError) -> Value {
    match error {
        OpenAIError::ApiError(response) => json!({
            "class": "ApiError",
            "status": response.status_code.as_u16(),
            "message": response.api_error.message,
            "code": response.api_error.code,
        }),
        other => {
            let class = format!("{other:?}");
            let class = class.split(['(', ' ']).next().unwrap_or_default();
            json!({"class": class, "status": null, "message": other.to_string(), "code": null})
        }
    }
}

/// The line to print: every key, whether the case has it or not.
fn line(case: &str, answer: Answer) -> Value {
    let mut line = json!({
        "client": "async-openai", "case": case, "text": null, "finish_reason": null, "tool_calls": [],
        "usage": null, "chunks": 0, "embeddings": [], "error": null,
    });
    match answer {
        Ok(received) => {
            for (key, value) in received.as_object().into_iter().flatten() {
                line[key] = value.clone();
            }
        }
        Err(error) => line["error"] = failure(&error),
    }
    line
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let case = std::env::args().nth(1).unwrap_or_default();
    let answer = run(&Client::new(), &case).await;
    println!("{}", line(&case, answer));
}

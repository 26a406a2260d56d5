import com.fasterxml.jackson.databind.ObjectMapper;
import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.core.JsonValue;
import com.openai.core.http.StreamResponse;
import com.openai.errors.OpenAIException;
import com.openai.errors.OpenAIServiceException;
import com.openai.helpers.ChatCompletionAccumulator;
import com.openai.models.FunctionDefinition;
import com.openai.models.FunctionParameters;
import com.openai.models.chat.completions.ChatCompletion;
import com.openai.models.chat.completions.ChatCompletionChunk;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import com.openai.models.chat.completions.ChatCompletionMessage;
import com.openai.models.chat.completions.ChatCompletionMessageFunctionToolCall;
import com.openai.models.chat.completions.ChatCompletionStreamOptions;
import com.openai.models.chat.completions.ChatCompletionToolChoiceOption;
import com.openai.models.completions.CompletionUsage;
import com.openai.models.embeddings.CreateEmbeddingResponse;
import com.openai.models.embeddings.EmbeddingCreateParams;
import com.openai.models.responses.Response;
import com.openai.models.responses.ResponseCreateParams;
import com.openai.models.responses.ResponseOutputText;
import com.openai.models.responses.ResponseStreamEvent;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * One request to the OpenAI API with openai-java, and one line of JSON saying what came back.
 *
 * <p>The only argument is the case; key and base URL come from the environment, proxy and trust store from
 * the JVM's own settings.
 */
public final class Client {

    private static final String MODEL = "gpt-4o-mini";
    private static final String SYSTEM = "Antworte knapp: höchstens ein Satz.";
    private static final String QUESTION = "Grüße aus Zürich! Was heißt „東京“ auf Deutsch? 🗼";
    private static final String WEATHER_QUESTION = "Wie ist das Wetter in Zürich?";

    private static final FunctionDefinition GET_WEATHER =
            FunctionDefinition.builder()
                    .name("get_weather")
                    .description("The current weather in a city")
                    .parameters(
                            FunctionParameters.builder()
                                    .putAdditionalProperty("type", JsonValue.from("object"))
                                    .putAdditionalProperty(
                                            "properties",
                                            JsonValue.from(
                                                    Map.of(
                                                            "city",
                                                            Map.of("type", "string", "description", "e.g. Zürich"))))
                                    .putAdditionalProperty("required", JsonValue.from(List.of("city")))
                                    .putAdditionalProperty("additionalProperties", JsonValue.from(false))
                                    .build())
                    .build();

    private final OpenAIClient client = OpenAIOkHttpClient.fromEnv();
    private final Map<String, Object> line = new LinkedHashMap<>();

    private Client(String name) {
        line.put("client", "openai-java");
        line.put("case", name);
        line.put("text", null);
        line.put("finish_reason", null);
        line.put("tool_calls", List.of());
        line.put("usage", null);
        line.put("chunks", 0);
        line.put("embeddings", List.of());
        line.put("error", null);
    }

    private static ChatCompletionCreateParams.Builder conversation(String question) {
        return ChatCompletionCreateParams.builder()
                .model(MODEL)
                .addSystemMessage(SYSTEM)
                .addUserMessage(question)
                .temperature(1.0);
    }

    private static ChatCompletionCreateParams.Builder conversationWithTool() {
        return conversation(WEATHER_QUESTION)
                .addFunctionTool(GET_WEATHER)
                .toolChoice(ChatCompletionToolChoiceOption.Auto.AUTO);
    }

    private static ChatCompletionCreateParams questionOnly(String model, String question) {
        return ChatCompletionCreateParams.builder().model(model).addUserMessage(question).build();
    }

    private static ResponseCreateParams responseRequest() {
        return ResponseCreateParams.builder().model(MODEL).input(QUESTION).temperature(1.0).build();
    }

    private void ask(String name) {
        switch (name) {
            case "chat" -> chat(conversation(QUESTION).build());
            case "stream" -> stream(conversation(QUESTION));
            case "tools" -> chat(conversationWithTool().build());
            case "tools-stream" -> stream(conversationWithTool());
            case "miss" -> chat(questionOnly(MODEL, "never recorded"));
            case "error" -> chat(questionOnly("no-such-model", "Hallo"));
            case "embeddings" -> embeddings();
            case "responses" -> received(client.responses().create(responseRequest()));
            case "responses-stream" -> responsesStream();
            default -> throw new IllegalArgumentException("unknown case: " + name);
        }
    }

    private void chat(ChatCompletionCreateParams request) {
        received(client.chat().completions().create(request));
    }

    private void stream(ChatCompletionCreateParams.Builder request) {
        ChatCompletionStreamOptions options = ChatCompletionStreamOptions.builder().includeUsage(true).build();
        ChatCompletionAccumulator accumulator = ChatCompletionAccumulator.create();
        int chunks = 0;
        try (StreamResponse<ChatCompletionChunk> stream =
                client.chat().completions().createStreaming(request.streamOptions(options).build())) {
            for (Iterator<ChatCompletionChunk> each = stream.stream().iterator(); each.hasNext(); chunks++) {
                accumulator.accumulate(each.next());
            }
        }
        received(accumulator.chatCompletion());
        line.put("chunks", chunks);
    }

    private void received(ChatCompletion completion) {
        ChatCompletion.Choice choice = completion.choices().get(0);
        ChatCompletionMessage message = choice.message();
        line.put("text", message.content().filter(text -> !text.isEmpty()).orElse(null));
        line.put("finish_reason", choice.finishReason().asString());
        line.put(
                "tool_calls",
                message.toolCalls().orElse(List.of()).stream()
                        .flatMap(call -> call.function().stream())
                        .map(ChatCompletionMessageFunctionToolCall::function)
                        .map(call -> Map.of("name", call.name(), "arguments", call.arguments()))
                        .collect(Collectors.toList()));
        completion.usage().ifPresent(this::used);
    }

    private void used(CompletionUsage usage) {
        used(usage.promptTokens(), usage.completionTokens(), usage.totalTokens());
    }

    private void used(long promptTokens, long completionTokens, long totalTokens) {
        Map<String, Long> usage = new LinkedHashMap<>();
        usage.put("prompt_tokens", promptTokens);
        usage.put("completion_tokens", completionTokens);
        usage.put("total_tokens", totalTokens);
        line.put("usage", usage);
    }

    private void embeddings() {
        CreateEmbeddingResponse answer =
                client.embeddings()
                        .create(
                                EmbeddingCreateParams.builder()
                                        .model("text-embedding-3-small")
                                        .inputOfArrayOfStrings(List.of("Zürich", "東京"))
                                        .encodingFormat(EmbeddingCreateParams.EncodingFormat.FLOAT)
                                        .build());
        line.put(
                "embeddings",
                answer.data().stream()
                        .map(item -> item.embedding())
                        .map(vector -> Map.of("dimensions", vector.size(), "first", vector.get(0)))
                        .collect(Collectors.toList()));
        used(answer.usage().promptTokens(), 0, answer.usage().totalTokens());
    }

    private void responsesStream() {
        int events = 0;
        StringBuilder text = new StringBuilder();
        try (StreamResponse<ResponseStreamEvent> stream = client.responses().createStreaming(responseRequest())) {
            for (Iterator<ResponseStreamEvent> each = stream.stream().iterator(); each.hasNext(); events++) {
                ResponseStreamEvent event = each.next();
                event.outputTextDelta().ifPresent(delta -> text.append(delta.delta()));
                event.completed().ifPresent(completed -> received(completed.response()));
            }
        }
        line.put("text", text.toString());
        line.put("chunks", events);
    }

    private void received(Response response) {
        line.put(
                "text",
                response.output().stream()
                        .flatMap(item -> item.message().stream())
                        .flatMap(message -> message.content().stream())
                        .flatMap(content -> content.outputText().stream())
                        .map(ResponseOutputText::text)
                        .collect(Collectors.joining()));
        line.put("finish_reason", response.status().map(status -> status.asString()).orElse(null));
        response.usage()
                .ifPresent(usage -> used(usage.inputTokens(), usage.outputTokens(), usage.totalTokens()));
    }

    private void failed(OpenAIException failure) {
        Map<String, Object> error = new LinkedHashMap<>();
        error.put("class", failure.getClass().getSimpleName());
        error.put("status", null);
        error.put("message", failure.getMessage());
        error.put("code", null);
        if (failure instanceof OpenAIServiceException answer) {
            error.put("status", answer.statusCode());
            error.put("code", answer.code().orElse(null));
        }
        line.put("error", error);
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 1) {
            throw new IllegalArgumentException("expected one argument, the case");
        }
        Client client = new Client(arguments[0]);
        try {
            client.ask(arguments[0]);
        } catch (OpenAIException failure) {
            client.failed(failure);
        }
        // Without a locale in the environment Java would print question marks.
        PrintStream output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        output.println(new ObjectMapper().writeValueAsString(client.line));
        client.client.close();
    }
}

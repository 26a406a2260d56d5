import static org.junit.jupiter.api.Assertions.assertTrue;

import com.openai.client.OpenAIClient;
import com.openai.client.okhttp.OpenAIOkHttpClient;
import com.openai.models.chat.completions.ChatCompletionCreateParams;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;

class GreetingTest {
    // The test id: each test has its own recordings.
    static OpenAIClient client(TestInfo test) {
        String id = URLEncoder.encode(test.getDisplayName(), StandardCharsets.UTF_8);
        return OpenAIOkHttpClient.builder().fromEnv().putHeader("X-Test-Id", id).build();
    }

    @Test
    void greets(TestInfo test) {
        var question = ChatCompletionCreateParams.builder().model("gpt-4o-mini").addUserMessage("Say hello").build();
        var answer = client(test).chat().completions().create(question);
        assertTrue(answer.choices().get(0).message().content().orElseThrow().contains("Hello"));
    }
}

use serde_json::{Value, json};

/// The test id: each test has its own recordings, and its thread has its name.
/// async-openai sends it with `OpenAIConfig::new().with_header("X-Test-Id", …)`.
fn ask(prompt: &str) -> String {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let url = format!("{}/chat/completions", std::env::var("OPENAI_BASE_URL").unwrap());
    let answer: Value = ureq::post(&url)
        .set("Authorization", &format!("Bearer {}", std::env::var("OPENAI_API_KEY").unwrap()))
        .set("X-Test-Id", &test)
        .send_json(json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}]}))
        .unwrap()
        .into_json()
        .unwrap();
    answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

#[test]
fn greets() {
    assert!(ask("Say hello").contains("Hello"));
}

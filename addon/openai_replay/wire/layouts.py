"""How the API lays out its objects: the order of an object's members, and the nulls that it sends. Data, no code.

An envelope's class says which members an object may have. It does not say in which order the API writes them, nor which
members without a value it writes as null. The orders and nulls here were read off api.openai.com at the time of the
format's reference version; a null that is not named here is left out. Where a recording was made at another time or
of another server, `corrections.py` keeps the difference.

Members have their names on the wire. A class is named without its `openai.types.` in front, and may be a pattern of
`fnmatch`; an exact name goes before a pattern, and an earlier pattern before a later one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OTHERS_BY_NAME = "*"


@dataclass(frozen=True, slots=True)
class Layout:
    """The order of the members of an object, which of them the API sends as null, and which as integers.

    `order` names members, whether the class knows them or not. The remaining members follow: members of the class in
    the order of the class, then the others in the order they have. Where `order` holds a `*`, the remaining members
    stand in its place instead, all sorted by name.
    """

    order: str
    nulls: str = ""
    nulls_beside: Mapping[str, str] = field(default_factory=dict)  # {member: one that has to have a value}
    nulls_if_usage_asked: str = ""  # only where the request has stream_options.include_usage
    integers: str = ""  # floats of the class that the API writes without a decimal point
    python_floats: str = ""  # lists of numbers whose exponents have two digits at least: 4.5e-05


_USAGE = Layout(
    "prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details"
)
_TOKEN_LOGPROB = Layout("token logprob bytes top_logprobs", nulls="bytes")
_MODERATION_CATEGORIES = Layout(
    "harassment harassment/threatening sexual hate hate/threatening illicit illicit/violent"
    " self-harm/intent self-harm/instructions self-harm sexual/minors violence violence/graphic"
)
_RUN_STEP_FUNCTION = Layout("name arguments output", nulls_beside={"output": "name"})
_TRANSCRIPTION_USAGE = Layout("type total_tokens input_tokens input_token_details output_tokens")
_IMAGE_EVENT = Layout(
    "type b64_json created_at size quality background output_format partial_image_index usage"
)
_MCP_CALL = Layout("id type status *", nulls="approval_request_id error output")
_USER_LOCATION = Layout("type *", nulls="city country region timezone")

LAYOUTS: dict[str, Layout] = {
    # Chat completions, streamed and not
    "chat.chat_completion_chunk.ChatCompletionChunk": Layout(
        "id object created model service_tier system_fingerprint choices usage obfuscation",
        nulls_if_usage_asked="usage",
    ),
    "chat.chat_completion_chunk.Choice": Layout(
        "index delta logprobs finish_reason", nulls="logprobs finish_reason"
    ),
    "chat.chat_completion_chunk.ChoiceDelta": Layout(
        "role content function_call tool_calls refusal", nulls_beside={"content": "role", "refusal": "role"}
    ),
    "chat.chat_completion_chunk.ChoiceDeltaToolCall": Layout("index id type function"),
    "chat.chat_completion_chunk.ChoiceDeltaToolCallFunction": Layout("name arguments"),
    "chat.chat_completion_chunk.ChoiceDeltaFunctionCall": Layout("name arguments"),
    "chat.chat_completion_chunk.ChoiceLogprobs": Layout("content refusal", nulls="content refusal"),
    "chat.chat_completion.ChatCompletion": Layout(
        "id object created model choices usage service_tier system_fingerprint"
    ),
    "chat.chat_completion.Choice": Layout("index message logprobs finish_reason", nulls="logprobs"),
    "chat.chat_completion.ChoiceLogprobs": Layout("content refusal", nulls="content refusal"),
    "chat.chat_completion_message.ChatCompletionMessage": Layout(
        "role content function_call tool_calls refusal audio annotations", nulls="content refusal"
    ),
    "chat.chat_completion_message.FunctionCall": Layout("name arguments"),
    "chat.chat_completion_message_function_tool_call.ChatCompletionMessageFunctionToolCall": Layout(
        "id type function"
    ),
    "chat.chat_completion_message_function_tool_call.Function": Layout("name arguments"),
    "chat.chat_completion_message_custom_tool_call.ChatCompletionMessageCustomToolCall": Layout(
        "id type custom"
    ),
    "chat.chat_completion_message_custom_tool_call.Custom": Layout("name input"),
    "chat.chat_completion_token_logprob.ChatCompletionTokenLogprob": _TOKEN_LOGPROB,
    "chat.chat_completion_token_logprob.TopLogprob": _TOKEN_LOGPROB,
    "chat.*Deleted": Layout("object id deleted"),
    "completion_usage.CompletionUsage": _USAGE,
    "completion_usage.PromptTokensDetails": Layout("cached_tokens audio_tokens"),
    "completion_usage.CompletionTokensDetails": Layout(
        "reasoning_tokens audio_tokens accepted_prediction_tokens rejected_prediction_tokens"
    ),
    # Legacy completions
    "completion.Completion": Layout("id object created model choices usage system_fingerprint"),
    "completion_choice.CompletionChoice": Layout(
        "text index logprobs finish_reason", nulls="logprobs finish_reason"
    ),
    "completion_choice.Logprobs": Layout("tokens token_logprobs top_logprobs text_offset"),
    # Embeddings, models, moderations
    "create_embedding_response.CreateEmbeddingResponse": Layout("object data model usage"),
    "embedding.Embedding": Layout("object index embedding", python_floats="embedding"),
    "model.Model": Layout("id object created owned_by"),
    "moderation_create_response.ModerationCreateResponse": Layout("id model results"),
    "moderation.Moderation": Layout("flagged categories category_scores category_applied_input_types"),
    "moderation.Categor*": _MODERATION_CATEGORIES,
    # Responses: the object, its tools, its items and their parts begin with id and type, and go on by name
    "responses.response.Response": Layout(
        "id object created_at status * metadata",
        nulls="error incomplete_details instructions max_output_tokens max_tool_calls previous_response_id"
        " prompt_cache_key prompt_cache_retention safety_identifier usage user",
        integers="created_at",
    ),
    "shared.reasoning.Reasoning": Layout("*", nulls="effort summary"),
    "responses.response_format_text_json_schema_config.*": Layout("type *", nulls="description"),
    "responses.function_tool.FunctionTool": Layout("type *", nulls="description"),
    "responses.file_search_tool.FileSearchTool": Layout("type *", nulls="filters"),
    "responses.web_search_tool.WebSearchTool": Layout("type *", nulls="filters user_location"),
    "responses.web_search_tool.UserLocation": _USER_LOCATION,
    "responses.web_search_preview_tool.UserLocation": _USER_LOCATION,
    "responses.tool.Mcp": Layout("type *", nulls="allowed_tools headers server_description"),
    "responses.response_file_search_tool_call.ResponseFileSearchToolCall": Layout(
        "id type status *", nulls="results"
    ),
    "responses.response_code_interpreter_tool_call.ResponseCodeInterpreterToolCall": Layout(
        "id type status *", nulls="outputs"
    ),
    "responses.response_output_item.McpCall": _MCP_CALL,
    "responses.response_item.McpCall": _MCP_CALL,
    "conversations.conversation_item.McpCall": _MCP_CALL,
    # Responses: events
    "responses.response_error_event.ResponseErrorEvent": Layout(
        "type sequence_number error code message param", nulls_beside={"code": "message", "param": "message"}
    ),
    "responses.response_image_gen_call_partial_image_event.*": Layout(
        "type sequence_number output_index item_id partial_image_index partial_image_b64"
        " size quality background output_format"
    ),
    "responses.response_function_call_arguments_*_event.*": Layout(
        "type sequence_number item_id output_index delta arguments name obfuscation"
    ),
    "responses.response_*_call_*_event.*": Layout(
        "type sequence_number output_index item_id delta code input arguments name obfuscation"
    ),
    "responses.response_mcp_*_event.*": Layout(
        "type sequence_number output_index item_id delta arguments obfuscation"
    ),
    "responses.*_event.Response*Event": Layout(
        "type sequence_number response item_id output_index content_index summary_index annotation_index"
        " item part annotation delta text refusal logprobs obfuscation"
    ),
    "responses.response_text_*_event.*": Layout("token logprob top_logprobs"),
    "responses.response_output_text.Logprob*": Layout("token bytes logprob top_logprobs"),
    "responses.*": Layout("id object type created_at status *"),
    # Realtime: events begin with their type
    "realtime.*Event": Layout("type event_id *"),
    "conversations.conversation.Conversation": Layout("id object created_at metadata"),
    "conversations.*Deleted*": Layout("id object deleted"),
    "conversations.*": Layout("id object type created_at status *"),
    # Images
    "images_response.ImagesResponse": Layout("created background data output_format quality size usage"),
    "image.Image": Layout("revised_prompt b64_json url"),
    "image_*_event.Image*Event": _IMAGE_EVENT,
    # Audio
    "audio.transcription_verbose.*Verbose": Layout("task language duration text segments words usage"),
    "audio.translation_verbose.*Verbose": Layout("task language duration text segments"),
    "audio.transcription_diarized.*Diarized": Layout("task duration text segments usage"),
    "audio.transcription_segment.*": Layout(
        "id seek start end text tokens temperature avg_logprob compression_ratio no_speech_prob"
    ),
    "audio.transcription_word.*": Layout("word start end"),
    "audio.transcription_verbose.Usage": Layout("type seconds", integers="seconds"),
    "audio.*.Usage": _TRANSCRIPTION_USAGE,
    "audio.*.UsageTokens": _TRANSCRIPTION_USAGE,
    "audio.*.UsageDuration": Layout("type seconds", integers="seconds"),
    "audio.*TokenDetails": Layout("text_tokens audio_tokens"),
    "audio.*.Logprob": Layout("token logprob bytes", integers="bytes"),
    "audio.*_event.*Event": Layout("type id start end delta text speaker logprobs usage"),
    # Files, uploads, batches
    "file_object.FileObject": Layout(
        "object id purpose filename bytes created_at expires_at status status_details",
        nulls="expires_at status_details",
    ),
    "file_deleted.FileDeleted": Layout("object deleted id"),
    "upload.Upload": Layout(
        "id object bytes created_at filename purpose status expires_at file", nulls="file"
    ),
    "uploads.upload_part.UploadPart": Layout("id object created_at upload_id"),
    "batch.Batch": Layout(
        "id object endpoint model errors input_file_id completion_window status output_file_id error_file_id"
        " created_at in_progress_at expires_at finalizing_at completed_at failed_at expired_at cancelling_at"
        " cancelled_at request_counts usage metadata",
        nulls="errors output_file_id error_file_id in_progress_at finalizing_at completed_at failed_at"
        " expired_at cancelling_at cancelled_at metadata",
    ),
    "batch.Errors": Layout("object data"),
    "batch_error.BatchError": Layout("code message param line", nulls="param line"),
    "batch_request_counts.BatchRequestCounts": Layout("total completed failed"),
    # Fine-tuning
    "fine_tuning.fine_tuning_job.FineTuningJob": Layout(
        "object id model created_at finished_at fine_tuned_model organization_id result_files status"
        " validation_file training_file hyperparameters trained_tokens error user_provided_suffix seed"
        " estimated_finish integrations metadata usage_metrics shared_with_openai eval_id method",
        nulls="finished_at fine_tuned_model validation_file trained_tokens estimated_finish metadata",
    ),
    "fine_tuning.fine_tuning_job.Hyperparameters": Layout("n_epochs batch_size learning_rate_multiplier"),
    "fine_tuning.fine_tuning_job.Error": Layout("code message param", nulls_beside={"param": "message"}),
    "fine_tuning.fine_tuning_job_event.FineTuningJobEvent": Layout(
        "object id created_at level message data type"
    ),
    # Vector stores
    "vector_store.VectorStore": Layout(
        "id object created_at name description usage_bytes file_counts status expires_after expires_at"
        " last_active_at metadata",
        nulls="expires_after expires_at last_active_at",
    ),
    "vector_store*.FileCounts": Layout("in_progress completed failed cancelled total"),
    "vector_stores.vector_store_file.VectorStoreFile": Layout(
        "id object usage_bytes created_at vector_store_id status last_error chunking_strategy attributes",
        nulls="last_error",
    ),
    "vector_stores.vector_store_file_batch.VectorStoreFileBatch": Layout(
        "id object created_at vector_store_id status file_counts"
    ),
    # Assistants, threads, messages, runs
    "beta.assistant_stream_event.*": Layout("data event"),
    "beta.assistant.Assistant": Layout(
        "id object created_at name description model instructions tools top_p temperature reasoning_effort"
        " tool_resources metadata response_format",
        nulls="name description instructions",
    ),
    "beta.thread.Thread": Layout("id object created_at metadata tool_resources"),
    "beta.threads.message.Message": Layout(
        "id object created_at assistant_id thread_id run_id status incomplete_details incomplete_at completed_at"
        " role content attachments metadata",
        nulls="assistant_id run_id",
        # Only messages in a stream have a status, and with it these.
        nulls_beside=dict.fromkeys(("incomplete_details", "incomplete_at", "completed_at"), "status"),
    ),
    "beta.threads.message_delta.MessageDelta": Layout("role content"),
    "beta.threads.text*.Text*": Layout("index type text value annotations"),
    "beta.threads.run.Run": Layout(
        "id object created_at assistant_id thread_id status started_at expires_at cancelled_at failed_at"
        " completed_at required_action last_error model instructions tools tool_resources metadata temperature"
        " top_p reasoning_effort max_completion_tokens max_prompt_tokens truncation_strategy incomplete_details"
        " usage response_format tool_choice parallel_tool_calls",
        nulls="started_at expires_at cancelled_at failed_at completed_at required_action last_error"
        " max_completion_tokens max_prompt_tokens incomplete_details usage",
    ),
    "beta.threads.run.TruncationStrategy": Layout("type last_messages", nulls="last_messages"),
    "beta.threads.run*.Usage": Layout("prompt_tokens completion_tokens total_tokens"),
    "beta.threads.runs.run_step.RunStep": Layout(
        "id object created_at run_id assistant_id thread_id type status cancelled_at completed_at expires_at"
        " failed_at last_error step_details usage",
        nulls="cancelled_at completed_at failed_at last_error usage",
    ),
    "beta.threads.runs.function_tool_call.Function": _RUN_STEP_FUNCTION,
    "beta.threads.runs.function_tool_call_delta.Function": _RUN_STEP_FUNCTION,
    "beta.threads.required_action_function_tool_call.Function": Layout("name arguments"),
    "beta.*": Layout("index id object type created_at"),
    # The package takes these for another class of their union if this member is not there, so it was.
    "responses.response_input_item.Message": Layout("id type status *", nulls="status"),
    "evals.run_*_response.*TemplateTemplateEvalItem": Layout("role content type", nulls="type"),
    # Errors
    "shared.error_object.ErrorObject": Layout("message type param code", nulls="param code"),
    # Everything else: id and type of an object first, then the order of its class
    "*": Layout("id object type created_at"),
}

# In a stream, legacy completions write their model after their choices.
STREAMED_LAYOUTS: dict[str, Layout] = {
    "completion.Completion": Layout(
        "id object created choices model system_fingerprint usage", nulls_if_usage_asked="usage"
    ),
}

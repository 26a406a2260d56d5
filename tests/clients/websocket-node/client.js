// One task over a WebSocket with openai-node, and one line of JSON with all that came back.
// The only argument is the task; key, base URL and certificates come from the environment alone.
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { ResponsesWS } from 'openai/resources/responses/ws';

const SOUND = Buffer.alloc(256 * 75, Buffer.from(Array.from({ length: 256 }, (_, n) => n)));
const client = new OpenAI({ maxRetries: 0 });

function responses(input) {
  return new Promise((resolve) => {
    const events = [];
    const connection = new ResponsesWS(client);
    const done = () => { connection.close(); resolve(events); };
    connection.on('error', (error) => { events.push({ type: 'error', error: error.error ?? String(error) }); done(); });
    connection.on('event', (event) => {
      if (event.type !== 'error') events.push(event);
      if (event.type === 'response.completed') done();
    });
    connection.socket.on('open', () => connection.send({ type: 'response.create', model: 'gpt-5', input }));
  });
}

async function responsesHttp() {
  const events = [];
  for await (const event of await client.responses.create({ model: 'gpt-5', input: 'Hello', stream: true })) events.push(event);
  return events;
}

function realtime() {
  return new Promise((resolve, reject) => {
    const events = [];
    const connection = new OpenAIRealtimeWS({ model: 'gpt-realtime' }, client);
    connection.on('error', reject);
    connection.on('event', (event) => {
      events.push(event);
      if (event.type === 'session.created') talk(connection);
      if (event.type === 'response.done') { connection.close(); resolve(events); }
    });
  });
}

function talk(connection) {
  connection.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } });
  for (let start = 0; start < SOUND.length; start += 1000) {
    connection.send({ type: 'input_audio_buffer.append', audio: SOUND.subarray(start, start + 1000).toString('base64') });
  }
  connection.send({ type: 'input_audio_buffer.commit' });
  connection.send({ type: 'response.create' });
}

const tasks = {
  responses: () => responses('Hello'),
  'responses-http': responsesHttp,
  'responses-miss': () => responses('Never recorded'),
  realtime,
};
console.log(JSON.stringify(await tasks[process.argv[2]]()));

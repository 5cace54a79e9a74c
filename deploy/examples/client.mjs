#!/usr/bin/env node
// client.mjs - create a server through Muster's HTTP API and follow it, with Node's own fetch.
//
//   MUSTER_URL=http://127.0.0.1:8080 MUSTER_TOKEN=muster_… client.mjs AGENT NAME [FIELD=VALUE]...
//
// Fields are those of POST /agents/{agent_id}/servers, such as game_port=16261.  Prints a line for
// each status that the server takes, from the event stream, until its create has a result; ends
// with 0 only if that is "done".

import { randomUUID } from "node:crypto";

const { MUSTER_URL: url, MUSTER_TOKEN: token } = process.env;

class Problem extends Error {} // RFC 9457: the server's own sentence

async function api(method, path, { body, headers = {} } = {}) {
  const response = await fetch(url + path, {
    method,
    headers: {
      Authorization: `Bearer ${token}`,
      ...(body && { "Content-Type": "application/json" }),
      ...headers,
    },
    body: body && JSON.stringify(body),
  });
  if (response.ok) return response;
  throw new Problem((await response.json()).detail ?? response.statusText);
}

// One message after the other; connects again where it was cut off, and goes on behind what it saw.
// (EventSource cannot send a bearer token.)
export async function* events(query) {
  let last;
  for (;;) {
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const response = await api("GET", `/events?${new URLSearchParams(query)}`, { headers });
      let text = "";
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
        const messages = (text + chunk).split("\n\n");
        text = messages.pop();
        for (const message of messages) {
          const fields = Object.fromEntries(message.split("\n").map((line) => line.split(/: (.*)/s)));
          last = fields.id ?? last;
          if (fields.data) yield { event: fields.event, data: JSON.parse(fields.data) };
        }
      }
    } catch (error) {
      if (error instanceof Problem) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

const valueOf = (name, text) => (name.endsWith("_port") ? Number(text) : text);

async function create(agent, name, fields) {
  const response = await api("POST", `/agents/${encodeURIComponent(agent)}/servers`, {
    body: { name, ...fields },
    headers: { "Idempotency-Key": randomUUID() },
  });
  return response.json();
}

// The ledger has an event once the stream tells it, so what is fetched then is not older.
async function follow({ server_id: server, command_id: command }, path) {
  let status;
  const look = async () => {
    const row = await (await api("GET", path)).json();
    if (row.shown_status !== status) console.log((status = row.shown_status));
  };
  for await (const { event } of events({ server })) {
    if (event !== "server") {
      const found = await (await api("GET", `/commands/${command}`)).json();
      await look();
      if (found.finished_at !== null) return found;
    }
  }
}

async function main([agent, name, ...words]) {
  if (!url || !token || !name) throw new Problem("usage: client.mjs AGENT NAME [FIELD=VALUE]...");
  const pairs = words.map((word) => word.split(/=(.*)/s, 2));
  const queued = await create(agent, name, Object.fromEntries(pairs.map(([field, text]) => [field, valueOf(field, text)])));
  const path = `/agents/${queued.agent_id}/servers/${queued.server_id}`;
  const { action, outcome, message } = await follow(queued, path);
  console.log(`${action} ${outcome}: ${message}`);
  return outcome === "done" ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    console.error(`client.mjs: ${error.message}`);
    process.exit(2);
  },
);

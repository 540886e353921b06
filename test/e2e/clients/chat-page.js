// A chat in React with the AI SDK's useChat, over a model in a worker of the page: no server is asked anything.
import { useChat } from "@ai-sdk/react";
import { DirectChatTransport, ToolLoopAgent } from "ai";
import { createElement as element, useState } from "react";
import { createRoot } from "react-dom/client";
import { Model } from "weft-webgpu";
import { createWeft } from "weft-webgpu/ai-sdk";
import { WorkerModel } from "weft-webgpu/worker";

// The embedded model has no chat template, as it tells stories.
const plain = await Model.load("/tinystories-gpt2/");
const chatTemplate = "{% for message in messages %}{{ message.content }}{% endfor %}";
const model = await WorkerModel.load({ ...(await plain.save()), chatTemplate });
plain.dispose();
const weft = createWeft({ models: { stories: model }, specification: "v4" });
const agent = new ToolLoopAgent({ model: weft("stories"), temperature: 0, maxOutputTokens: 24 });
const transport = new DirectChatTransport({ agent });

/** For the test. */
globalThis.model = model;

const textOf = ({ parts }) => parts.map((part) => (part.type === "text" ? part.text : "")).join("");

function Chat() {
  const { messages, sendMessage, status } = useChat({ transport });
  const [text, setText] = useState("");
  const submit = (event) => {
    event.preventDefault();
    void sendMessage({ text });
    setText("");
  };
  return element(
    "main",
    { "data-status": status },
    messages.map((message) => element("p", { key: message.id, className: message.role }, textOf(message))),
    element(
      "form",
      { onSubmit: submit },
      element("input", { value: text, onChange: ({ target }) => setText(target.value), autoFocus: true }),
    ),
  );
}

createRoot(document.body.appendChild(document.createElement("div"))).render(element(Chat));

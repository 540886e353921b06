// The public module "weft-webgpu/openai". Every public name is listed here by hand; nothing else is public.
export { createHandler, toFetch } from "./handler.js";

export type { Handler } from "./handler.js";
export type { ServedModels } from "../answer/named-models.js";
export type { HandlerLimits, HandlerOptions, RequestRecord } from "./options.js";
export type { ServedGeneration, ServedModel } from "../answer/served-model.js";
export type { ToolFormat } from "../answer/forms/find-form.js";

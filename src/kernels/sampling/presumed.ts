// Which kernel chooses tokens. Not measured: what is fast depends on whether there are many invocations to share a row.
import type { AdapterDescription } from "../../gpu/queue.js";
import { workgroupChooseToken } from "./choose-token-workgroup.js";
import { invocationChooseToken, type ChooseTokenKernel } from "./choose-token.js";

export const presumedChooseToken = ({ isSoftware }: AdapterDescription): ChooseTokenKernel =>
  isSoftware ? invocationChooseToken : workgroupChooseToken;

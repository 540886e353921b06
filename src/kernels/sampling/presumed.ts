// Says which kernel chooses tokens. It is not measured: software adapters have too few invocations to share a row.
import type { AdapterDescription } from "../../gpu/queue.js";
import { spansChooseToken } from "./choose-among-spans.js";
import { invocationChooseToken, type ChooseTokenKernel } from "./choose-token.js";

export const presumedChooseToken = ({ isSoftware }: AdapterDescription): ChooseTokenKernel =>
  isSoftware ? invocationChooseToken : spansChooseToken;

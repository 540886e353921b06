// What only verifying kernels needs: loaded when a load asks for that.
export { attentionTrial } from "./attention-trial.js";
export { linearTrial } from "./linear-trial.js";

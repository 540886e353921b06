// The float64 reference of the model that all contestants are given: what their results are checked against.
export { gpt2Forward as referenceForward } from "../../../../test/reference/gpt2.js";

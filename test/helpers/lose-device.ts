// Loses a device at a moment that is counted in calls to it, so that a test can say which.
import type { WatchedGpu } from "./watched-gpu.js";

/** Counts what is asked of the devices of `watched` that are opened from now on, and destroys the one that is asked the `moment`th thing. */
export function loseDevice(watched: WatchedGpu, moment: number): { readonly asked: () => number } {
  let asked = 0;
  watched.onDevice = (device) => {
    const count = <A extends readonly unknown[], R>(call: (...args: A) => R): ((...args: A) => R) => {
      return (...args) => {
        if (++asked === moment) device.destroy();
        return call(...args);
      };
    };
    device.createBuffer = count(device.createBuffer.bind(device));
    device.createComputePipelineAsync = count(device.createComputePipelineAsync.bind(device));
    const { queue } = device;
    queue.submit = count(queue.submit.bind(queue));
    queue.writeBuffer = count(queue.writeBuffer.bind(queue));
    queue.onSubmittedWorkDone = count(queue.onSubmittedWorkDone.bind(queue));
  };
  return { asked: () => asked };
}

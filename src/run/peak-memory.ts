import { readFileSync } from "node:fs";

/**
 * The largest resident set of this process so far, in bytes. On Linux `maxRSS` begins at what the parent had when it
 * made the process (getrusage(2): it survives execve), so that the kernel is asked for that of this program alone.
 */
export function peakMemory(): number {
  const kilobytes = process.platform === "linux" ? /^VmHWM:\s+(\d+) kB$/m.exec(status())?.[1] : undefined;
  return (kilobytes === undefined ? process.resourceUsage().maxRSS : Number(kilobytes)) * 1024;
}

/** https://docs.kernel.org/filesystems/proc.html; some containers do not show it. */
function status(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}

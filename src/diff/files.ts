import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import type { FileDifference } from "./difference.ts";
import type { Pace } from "./pace.ts";

const CHUNK = 1 << 20;

/** Every file of two packages: how large it is, and whether its bytes are the same. */
export async function compareFiles(a: string, b: string, pace: Pace): Promise<readonly FileDifference[]> {
  const [inA, inB] = [sizesOf(a), sizesOf(b)];
  const paths = [...new Set([...inA.keys(), ...inB.keys()])].sort();
  const files: FileDifference[] = [];
  for (const path of paths) {
    const [sizeA, sizeB] = [inA.get(path) ?? null, inB.get(path) ?? null];
    const identical = sizeA !== null && sizeA === sizeB && (await haveSameBytes(join(a, path), join(b, path), pace));
    files.push({ path, a: sizeA, b: sizeB, identical });
  }
  return files;
}

function sizesOf(folder: string): ReadonlyMap<string, number> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((f) => f.isFile());
  return new Map(
    files.map((f) => {
      const path = join(f.parentPath, f.name);
      return [relative(folder, path).split(sep).join("/"), statSync(path).size];
    }),
  );
}

async function haveSameBytes(a: string, b: string, pace: Pace): Promise<boolean> {
  const [statA, statB] = [statSync(a), statSync(b)];
  if (statA.ino !== 0 && statA.ino === statB.ino && statA.dev === statB.dev) return true;
  const [fileA, fileB] = [openSync(a, "r"), openSync(b, "r")];
  try {
    const [bytesA, bytesB] = [Buffer.alloc(CHUNK), Buffer.alloc(CHUNK)];
    for (;;) {
      const [gotA, gotB] = [readFully(fileA, bytesA), readFully(fileB, bytesB)];
      if (!bytesA.subarray(0, gotA).equals(bytesB.subarray(0, gotB))) return false;
      if (gotA < CHUNK) return true;
      await pace.breathe();
    }
  } finally {
    closeSync(fileA);
    closeSync(fileB);
  }
}

/** Reads on from where the file stands. @returns bytes read, less than there is room for only at the end */
function readFully(file: number, out: Buffer): number {
  let done = 0;
  while (done < out.length) {
    const got = readSync(file, out, done, out.length - done, null);
    if (got === 0) break;
    done += got;
  }
  return done;
}

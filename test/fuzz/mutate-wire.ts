import { extremeLongs } from "./extremes.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import type { Random } from "./random.ts";
import { bytesOf, fieldsOf, varint, type WireField } from "./wire-tree.ts";

const DEPTHS = [10, 90, 101, 1000, 20_000];

type Place = { readonly fields: WireField[]; readonly index: number; readonly field: WireField };

function placesOf(fields: WireField[]): Place[] {
  return fields.flatMap((field, index) => [{ fields, index, field }, ...(field.fields ? placesOf(field.fields) : [])]);
}

/** One to three changes to a message that a schema does not allow: wire types, varints, lengths, order, nesting. */
export function mutateWire(bytes: Buffer, random: Random): Buffer {
  const fields = fieldsOf(bytes);
  if (!fields || fields.length === 0) return mutateBytes(bytes, random);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const places = placesOf(fields);
    if (places.length > 0) change(random.pick(places), places, random);
  }
  return bytesOf(fields);
}

function change({ fields, index, field }: Place, places: readonly Place[], random: Random): void {
  switch (random.below(11)) {
    case 0:
      field.type = random.pick([0, 1, 2, 3, 4, 5, 6, 7]);
      break;
    case 1:
      field.number = random.pick([1, 2, 3, 4, 5, 6, 7, 100, 502, 2 ** 29 - 1]);
      break;
    case 2:
      if (field.type === 0) field.payload = varint(random.pick(extremeLongs), random.pick([1, 1, 5, 10, 11]));
      else field.claimed = random.pick([...extremeLongs, BigInt(field.payload.length + random.pick([1, -1, 2]))]);
      break;
    case 3:
      // A varint that never ends.
      fields[index] = {
        ...field,
        type: 0,
        payload: Buffer.alloc(random.pick([9, 10, 11, 60]), 0x80),
        fields: undefined,
      };
      break;
    case 4:
      fields.splice(index, 0, structuredCopy(field));
      break;
    case 5:
      fields.splice(index, 1);
      break;
    case 6:
      fields.reverse();
      break;
    case 7:
      fields[index] = { ...structuredCopy(random.pick(places).field), number: field.number };
      break;
    case 8:
      nest(fields, index, random);
      break;
    case 9:
      field.fields = undefined;
      field.payload = mutateBytes(field.payload, random);
      break;
    default:
      fields.splice(
        random.below(fields.length + 1),
        0,
        ...Array.from({ length: 1 + random.below(300) }, () => empty(field.number)),
      );
  }
}

const empty = (number: number): WireField => ({ number, type: 2, payload: Buffer.alloc(0), fields: undefined });
const structuredCopy = (f: WireField): WireField => ({ ...f, fields: f.fields?.map(structuredCopy) });

/** The field inside itself, many times over. */
function nest(fields: WireField[], index: number, random: Random): void {
  const field = fields[index] as WireField;
  let body = bytesOf([field]);
  for (let depth = Math.min(random.pick(DEPTHS), Math.floor(200_000 / (body.length + 4))); depth > 0; depth--) {
    body = Buffer.concat([varint(BigInt(field.number * 8 + 2)), varint(BigInt(body.length)), body]);
  }
  fields[index] = { number: field.number, type: 2, payload: body, fields: undefined };
}

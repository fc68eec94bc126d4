// An OPC UA server that holds the map of a PLC and believes every write: a peer for the driver.
//   node server.mjs NAMESPACE PREFIX < MAP     MAP: JSON list of {name, type, value, write}
// Prints "READY PORT"; afterwards each line of stdin is JSON {name, value} or {name, status}.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";

const opcua = createRequire(import.meta.url)("node-opcua");
const { OPCUAServer, DataType, StatusCodes, Variant } = opcua;
const [namespace, prefix] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const map = JSON.parse((await lines.next()).value);

const server = new OPCUAServer({
  port: 0, host: "127.0.0.1", hostname: "127.0.0.1", resourcePath: "/peer", allowAnonymous: true,
});
await server.initialize();
const space = server.engine.addressSpace;
const own = space.registerNamespace(namespace);
const nodes = new Map();
for (const { name, type, value, write } of map) {
  nodes.set(name, own.addVariable({
    organizedBy: space.rootFolder.objects, nodeId: `s=${name}`, browseName: name, dataType: type,
    accessLevel: write ? "CurrentRead | CurrentWrite" : "CurrentRead",
    userAccessLevel: write ? "CurrentRead | CurrentWrite" : "CurrentRead",
    minimumSamplingInterval: 50, value: { dataType: DataType[type], value },
  }));
}
await server.start();
let beat = 0;
setInterval(() => {
  beat = (beat + 1) % 65536;
  nodes.get(`${prefix}.HEART`).setValueFromSource({ dataType: DataType.Int32, value: beat });
}, 200);
console.log("READY", server.endpoints[0].port);
for await (const line of lines) {
  const { name, value, status } = JSON.parse(line);
  const node = nodes.get(name);
  const kept = node.readValue().value;
  node.setValueFromSource(new Variant({ dataType: kept.dataType, value: value ?? kept.value }),
    status ? StatusCodes[status] : StatusCodes.Good);
}

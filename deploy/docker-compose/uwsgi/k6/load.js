// One visit is every request of requests.json, in order. How many visitors, and for how long, the command line says:
//   k6 run --vus 1 --duration 5s load.js
//   k6 run --vus 5 --stage 15s:10,15s:20,15s:40,15s:80,2m:160 load.js
import http from "k6/http";
import { check, sleep } from "k6";

const target = __ENV.TARGET || "http://localhost:8000";
const requests = JSON.parse(open("./requests.json"));
// Between two visits, seconds: a visitor reads, too.
const PAUSE = 0.1;

// A request of which another status is expected did not fail.
http.setResponseCallback(http.expectedStatuses(...requests.map((request) => request.status)));

export const options = {
  thresholds: { checks: ["rate>0.99"], http_req_failed: ["rate<0.01"] }, // else k6 exits with 99
};

export default function () {
  for (const { name, method, path, status } of requests) {
    const response = http.request(method, target + path, null, { tags: { name } });
    check(response, { [`${name}: ${status}`]: (r) => r.status === status });
  }
  sleep(PAUSE);
}

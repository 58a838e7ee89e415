/* Settings, counters, metrics and timeline. */
#include <stdlib.h>
#include <string.h>

#include "tests/frontends/c/c_api_test.h"

static void CheckValue(const char* name, const char* expected) {
  char value[64] = "";
  size_t needed = 0;
  CHECK(ronde_get(name, NULL, 0, &needed) == RONDE_OK);
  CHECK(needed == strlen(expected) + 1);
  CHECK(ronde_get(name, value, sizeof(value), NULL) == RONDE_OK);
  CHECK(strcmp(value, expected) == 0);
}

void TestSettingsBeforeInit(void) {
  char value[4];
  CHECK(ronde_set("--timeout-s", "soon") == RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "--timeout-s: 'soon' is not accepted") != NULL);
  CHECK(ronde_set("timeout", "5") == RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "'timeout' is not a setting") != NULL);
  CHECK(ronde_set(NULL, "5") == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_get("timeout", NULL, 0, NULL) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_set("--stall-warning-s", "7") == RONDE_OK);
  CheckValue("RONDE_STALL_WARNING_S", "7");
  CHECK(ronde_set("RONDE_STALL_WARNING_S", NULL) == RONDE_OK);
  CheckValue("stall-warning-s", "60");
  CHECK(ronde_set("timeout-s", "55.5") == RONDE_OK);
  CHECK(ronde_set("fusion-threshold-bytes", "2M") == RONDE_OK);
  CheckValue("--timeout-s", "55.5");
  CHECK(ronde_get("timeout-s", value, sizeof(value), NULL) == RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "room for 4 bytes, 5 are needed") != NULL);
  CHECK(ronde_get("timeout-s", NULL, 5, NULL) == RONDE_INVALID_ARGUMENT);
}

void TestSettings(void) {
  CheckValue("RONDE_TIMEOUT_S", "55.5");
  CheckValue("--fusion-threshold-bytes", "2M");
  CheckValue("log-level", "warning");
  CHECK(ronde_set("timeout-s", "50") == RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "initialised already") != NULL);
  CheckValue("RONDE_TIMEOUT_S", "55.5");
}

static void TestCounters(void) {
  struct {
    ronde_counters counters;
    uint64_t more;
  } newer = {RONDE_COUNTERS_INIT, 77};
  ronde_counters before = RONDE_COUNTERS_INIT;
  ronde_counters after = RONDE_COUNTERS_INIT;
  float values[4] = {1, 2, 3, 4};
  CHECK(ronde_read_counters(&before) == RONDE_OK);
  CHECK(ronde_allreduce("counted", values, values, 4, RONDE_FLOAT32, RONDE_SUM) == RONDE_OK);
  CHECK(ronde_read_counters(&after) == RONDE_OK);
  CHECK(after.operations == before.operations + 1);
  CHECK(after.payload_bytes == before.payload_bytes + sizeof(values));
  CHECK(after.seconds_outstanding >= before.seconds_outstanding);
  newer.counters.struct_size = sizeof(newer);
  CHECK(ronde_read_counters(&newer.counters) == RONDE_OK);
  CHECK(newer.counters.operations == after.operations && newer.more == 77);
  after.struct_size = 0;
  CHECK(ronde_read_counters(&after) == RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "RONDE_COUNTERS_INIT") != NULL);
  CHECK(ronde_read_counters(NULL) == RONDE_INVALID_ARGUMENT);
}

static void TestMetrics(void) {
  size_t needed = 0;
  char* text;
  CHECK(ronde_metrics_text(NULL, 0, &needed) == RONDE_OK && needed > 1);
  needed += 4096; /* it may have grown */
  text = malloc(needed);
  CHECK(ronde_metrics_text(text, 1, NULL) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_metrics_text(text, needed, &needed) == RONDE_OK);
  CHECK(strlen(text) + 1 == needed);
  CHECK(strstr(text, "# TYPE ronde_") != NULL);
  free(text);
}

/* Whether a file is there that has `part`. */
static int FileHas(const char* path, const char* part) {
  char buffer[1 << 16];
  FILE* file = fopen(path, "rb");
  size_t size;
  if (file == NULL) return 0;
  size = fread(buffer, 1, sizeof(buffer) - 1, file);
  buffer[size] = '\0';
  fclose(file);
  return strstr(buffer, part) != NULL;
}

/* All ranks give the same name, to which those above 0 add their own number. */
static void TestTimeline(void) {
  char path[64];
  char written[80];
  float value = 1;
  CHECK(ronde_timeline_start("/nonexistent/timeline.json", 0) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_timeline_start(NULL, 0) == RONDE_INVALID_ARGUMENT);
  snprintf(path, sizeof(path), "c_api_test_timeline_%d.json", ronde_size());
  snprintf(written, sizeof(written), "%s", path);
  if (ronde_rank() > 0) {
    snprintf(written, sizeof(written), "c_api_test_timeline_%d.rank%d.json", ronde_size(),
             ronde_rank());
  }
  CHECK(ronde_timeline_start(path, 1) == RONDE_OK);
  CHECK(ronde_timeline_start(path, 0) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_allreduce("traced", &value, &value, 1, RONDE_FLOAT32, RONDE_SUM) == RONDE_OK);
  CHECK(ronde_timeline_stop() == RONDE_OK);
  CHECK(ronde_timeline_stop() == RONDE_OK);
  CHECK(FileHas(written, "traced"));
  remove(written);
}

void TestObservation(void) {
  TestCounters();
  TestMetrics();
  TestTimeline();
}

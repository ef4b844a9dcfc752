// A backend in C: conv1d with one group. Speaks oracles/PROTOCOL.md. cc -O2 -o backend backend.c -lz
//   npm run -s convdiff -- fuzz --backend exec:./backend --op conv1d
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { requests = 3, replies = 4, most_json = 1 << 20, most_data = 1 << 30 };
typedef struct { uint32_t magic, checksum, id, json, data, zero; } Header;

static uint32_t aligned(uint32_t length) { return (length + 7) & ~7u; }

static void *zeros(size_t bytes) { return calloc(bytes + 1, 1); }

// Reads or writes all of it; ends the process where that is no longer possible.
static void all(ssize_t (*step)(int, void *, size_t), int fd, void *data, size_t length) {
  for (size_t at = 0; at < length;) {
    ssize_t done = step(fd, (char *)data + at, length - at);
    if (done <= 0) exit(done < 0);
    at += done;
  }
}

static void send(uint32_t id, const char *json, const float *output, size_t count) {
  Header header = {0x46445643, 0, id, strlen(json), aligned(count * sizeof *output), 0};
  size_t length = sizeof header + aligned(header.json) + header.data;
  char *frame = zeros(length);
  memcpy(frame + sizeof header, json, header.json);
  if (count > 0) memcpy(frame + sizeof header + aligned(header.json), output, count * sizeof *output);
  memcpy(frame, &header, sizeof header);
  header.checksum = crc32(0, (unsigned char *)frame + 8, length - 8);
  memcpy(frame, &header, sizeof header);
  all((ssize_t (*)(int, void *, size_t))write, replies, frame, length);
  free(frame);
}

// The numbers of the list that follows a key, from a place on; their count, or -1 where there is no such list.
static int list(const char *json, const char *key, int *numbers, int most) {
  const char *at = strstr(json, key);
  if (at == NULL || at[strlen(key)] != '[') return -1;
  int count = 0;
  for (at += strlen(key) + 1; *at != ']' && count < most; count++) {
    char *end;
    numbers[count] = strtol(at, &end, 10);
    at = *end == ',' ? end + 1 : end;
  }
  return count;
}

// x (n, ci, l), w (co, ci, k), bias (co) or NULL; gives (n, co, out).
static void convolve(const float *x, const int *xs, const float *w, const int *ws, const float *bias, float *y, int out,
                     int stride, int padding, int dilation) {
  for (int n = 0; n < xs[0]; n++)
    for (int co = 0; co < ws[0]; co++)
      for (int o = 0; o < out; o++) {
        float sum = bias ? bias[co] : 0;
        for (int ci = 0; ci < ws[1]; ci++)
          for (int k = 0; k < ws[2]; k++) {
            int i = o * stride + k * dilation - padding;
            if (i >= 0 && i < xs[2]) sum += x[(n * xs[1] + ci) * xs[2] + i] * w[(co * ws[1] + ci) * ws[2] + k];
          }
        y[(n * ws[0] + co) * out + o] = sum;
      }
}

int main(void) {
  send(0, "{\"type\":\"hello\",\"protocol\":1,\"backends\":[{\"name\":\"c\",\"version\":\"1\"}],\"versions\":{}}", NULL, 0);
  for (;;) {
    Header header;
    all(read, requests, &header, sizeof header);
    if (header.magic != 0x46445643 || header.json > most_json || header.data > most_data) return 1;
    char *json = zeros(aligned(header.json)), *data = zeros(header.data), reply[200];
    all(read, requests, json, aligned(header.json));
    all(read, requests, data, header.data);
    uint32_t sum = crc32(crc32(0, (unsigned char *)&header + 8, 16), (unsigned char *)json, aligned(header.json));
    if (crc32(sum, (unsigned char *)data, header.data) != header.checksum) return 1;
    int stride, padding, dilation, xs[3], ws[3];
    const char *tensors = strstr(json, "\"tensors\""), *weight = tensors ? strstr(tensors, "\"weight\"") : NULL;
    int can = strstr(json, "\"op\":\"conv1d\"") && strstr(json, "\"groups\":1,") && !strstr(json, "float64") && weight;
    can = can && list(json, "\"stride\":", &stride, 1) == 1 && list(json, "\"dilation\":", &dilation, 1) == 1;
    can = can && list(json, "\"padding\":", &padding, 1) == 1 && list(tensors, "\"shape\":", xs, 3) == 3;
    if (can && list(weight, "\"shape\":", ws, 3) == 3) {
      int out = (xs[2] + 2 * padding - dilation * (ws[2] - 1) - 1) / stride + 1;
      const float *x = (float *)data, *w = (float *)(data + aligned(4 * xs[0] * xs[1] * xs[2]));
      const float *bias = (float *)((char *)w + aligned(4 * ws[0] * ws[1] * ws[2]));
      float *y = zeros(sizeof *y * xs[0] * ws[0] * out);
      convolve(x, xs, w, ws, strstr(tensors, "\"bias\"") ? bias : NULL, y, out, stride, padding, dilation);
      const char *shape = "{\"type\":\"ok\",\"tensors\":[{\"name\":\"output\",\"dtype\":\"float32\",\"shape\":[%d,%d,%d]}]}";
      snprintf(reply, sizeof reply, shape, xs[0], ws[0], out);
      send(header.id, reply, y, (size_t)xs[0] * ws[0] * out);
      free(y);
    } else send(header.id, "{\"type\":\"unsupported\",\"reason\":\"only conv1d of float32, one group, padding in numbers\"}", NULL, 0);
    free(json), free(data);
  }
}

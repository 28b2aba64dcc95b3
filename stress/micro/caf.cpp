/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * micro_caf NAME WORKERS [DIVISOR]: what micro_runtime measures, through CAF 0.17, name by name and
 * with the same windows. Prints the same JSON object. Without arguments: the names.
 *
 * CAF allocates each message and each actor, as its users' programs do; a run is a vector.
 */
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <future>
#include <string>
#include <unistd.h>
#include <vector>

#include <caf/all.hpp>

namespace {

using caf::actor;
using caf::behavior;
using caf::event_based_actor;
using word = std::uint64_t;
using run_of_words = std::vector<word>;

constexpr word senders_count = 4;
constexpr word window = 1024;
constexpr word step = window / 4;
constexpr word run_messages = 64;

using go = caf::atom_constant<caf::atom("go")>;
using credit = caf::atom_constant<caf::atom("credit")>;

/* ---- measuring ------------------------------------------------------------------------------- */

double clock_ns(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct stretch {
    double cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    double wall_ns = clock_ns(CLOCK_MONOTONIC);
};

struct figures {
    double cpu_ns = 0;
    double wall_ns = 0;
    word bytes = 0;
};

figures since(const stretch& begun, word messages) {
    stretch now;
    auto count = static_cast<double>(messages);
    return {(now.cpu_ns - begun.cpu_ns) / count, (now.wall_ns - begun.wall_ns) / count, 0};
}

/* ---- fan-in ---------------------------------------------------------------------------------- */

template <class Message>
Message message_of(word sender, word number);

template <>
word message_of<word>(word sender, word number) {
    return number * senders_count + sender;
}

template <>
run_of_words message_of<run_of_words>(word sender, word number) {
    run_of_words run(run_messages, number);
    run[0] = sender;
    return run;
}

word sender_of(word message) {
    return message % senders_count;
}

word sender_of(const run_of_words& run) {
    return run[0];
}

word sum_of(word message) {
    return message;
}

word sum_of(const run_of_words& run) {
    word sum = 0;
    for (word one : run) {
        sum += one;
    }
    return sum;
}

template <class Message>
class fan_sender : public event_based_actor {
public:
    fan_sender(caf::actor_config& config, actor receiver, word index, word each)
        : event_based_actor(config), receiver_(std::move(receiver)), index_(index), each_(each) {
    }

    behavior make_behavior() override {
        return {[this](go) { send_some(window); }, [this](credit) { send_some(step); }};
    }

private:
    void send_some(word room) {
        for (; room > 0 && sent_ < each_; room--) {
            send(receiver_, message_of<Message>(index_, sent_++));
        }
        if (sent_ == each_) {
            quit();
        }
    }

    actor receiver_;
    word index_;
    word each_;
    word sent_ = 0;
};

template <class Message>
class fan_receiver : public event_based_actor {
public:
    fan_receiver(caf::actor_config& config, word wanted, std::promise<void>* over)
        : event_based_actor(config), wanted_(wanted), done_(over) {
    }

    behavior make_behavior() override {
        return {[this](std::vector<actor>& senders) { senders_ = senders; },
                [this](const Message& message) { take(message); }};
    }

private:
    void take(const Message& message) {
        sum_ += sum_of(message);
        auto index = sender_of(message);
        if (++taken_[index] % step == 0) {
            send(senders_[index], credit::value);
        }
        if (++received_ == wanted_) {
            senders_.clear();
            done_->set_value();
            quit();
        }
    }

    std::vector<actor> senders_;
    word taken_[senders_count] = {};
    word received_ = 0;
    word sum_ = 0;
    word wanted_;
    std::promise<void>* done_;
};

template <class Message>
figures fan_in_of(caf::actor_system& system, word messages) {
    std::promise<void> done;
    word each = messages / senders_count;
    auto receiver = system.spawn<fan_receiver<Message>>(each * senders_count, &done);
    std::vector<actor> senders;
    for (word i = 0; i < senders_count; i++) {
        senders.push_back(system.spawn<fan_sender<Message>>(receiver, i, each));
    }
    caf::anon_send(receiver, senders);
    stretch begun;
    for (auto& sender : senders) {
        caf::anon_send(sender, go::value);
    }
    done.get_future().wait();
    return since(begun, each * senders_count);
}

figures fan_in(caf::actor_system& system, word messages) {
    return fan_in_of<word>(system, messages);
}

figures runs(caf::actor_system& system, word messages) {
    auto result = fan_in_of<run_of_words>(system, messages / run_messages);
    auto each = static_cast<double>(run_messages);
    return {result.cpu_ns / each, result.wall_ns / each, 0};
}

/* ---- ping-pong ------------------------------------------------------------------------------- */

class player : public event_based_actor {
public:
    player(caf::actor_config& config, std::promise<void>* over)
        : event_based_actor(config), done_(over) {
    }

    behavior make_behavior() override {
        return {[this](const actor& other) { other_ = other; },
                [this](word hops_left) {
                    if (hops_left > 1) {
                        send(other_, hops_left - 1);
                        return;
                    }
                    done_->set_value();
                },
                [this](go) {
                    other_ = nullptr;
                    quit();
                }};
    }

private:
    actor other_;
    std::promise<void>* done_;
};

figures ping_pong(caf::actor_system& system, word messages) {
    std::promise<void> done;
    auto one = system.spawn<player>(&done);
    auto two = system.spawn<player>(&done);
    caf::anon_send(one, two);
    caf::anon_send(two, one);
    stretch begun;
    caf::anon_send(one, messages);
    done.get_future().wait();
    auto result = since(begun, messages);
    caf::anon_send(one, go::value);
    caf::anon_send(two, go::value);
    return result;
}

/* ---- pipeline: a source, three stages, a sink ------------------------------------------------ */

class pipe_stage : public event_based_actor {
public:
    pipe_stage(caf::actor_config& config, actor next)
        : event_based_actor(config), next_(std::move(next)) {
    }

    behavior make_behavior() override {
        return {[this](word message) { send(next_, message); }};
    }

private:
    actor next_;
};

class pipe_source : public event_based_actor {
public:
    pipe_source(caf::actor_config& config, actor next, word wanted)
        : event_based_actor(config), next_(std::move(next)), wanted_(wanted) {
    }

    behavior make_behavior() override {
        return {[this](go) { send_some(window); }, [this](credit) { send_some(step); }};
    }

private:
    void send_some(word room) {
        for (; room > 0 && sent_ < wanted_; room--) {
            send(next_, ++sent_);
        }
    }

    actor next_;
    word wanted_;
    word sent_ = 0;
};

class pipe_sink : public event_based_actor {
public:
    pipe_sink(caf::actor_config& config, word wanted, std::promise<void>* over)
        : event_based_actor(config), wanted_(wanted), done_(over) {
    }

    behavior make_behavior() override {
        return {[this](const actor& source) { source_ = source; },
                [this](word) {
                    if (++count_ % step == 0) {
                        send(source_, credit::value);
                    }
                    if (count_ == wanted_) {
                        source_ = nullptr;
                        done_->set_value();
                    }
                }};
    }

private:
    actor source_;
    word count_ = 0;
    word wanted_;
    std::promise<void>* done_;
};

figures pipeline(caf::actor_system& system, word messages) {
    std::promise<void> done;
    auto sink = system.spawn<pipe_sink>(messages, &done);
    actor next = sink;
    for (int i = 0; i < 3; i++) {
        next = system.spawn<pipe_stage>(next);
    }
    auto source = system.spawn<pipe_source>(next, messages);
    caf::anon_send(sink, source);
    stretch begun;
    caf::anon_send(source, go::value);
    done.get_future().wait();
    return since(begun, messages);
}

/* ---- many actors ----------------------------------------------------------------------------- */

constexpr word members_count = 100000;
constexpr word travellers_count = 1000;

struct crowd {
    std::vector<actor> members;
    std::atomic<word> ready{0};
    std::promise<void> all_ready;
    std::atomic<word> arrived{0};
    std::promise<void> done;
};

class member : public event_based_actor {
public:
    member(caf::actor_config& config, crowd* all, word seed)
        : event_based_actor(config), crowd_(all), random_(seed) {
    }

    behavior make_behavior() override {
        if (++crowd_->ready == members_count) {
            crowd_->all_ready.set_value();
        }
        return {[this](word hops_left) {
                    if (hops_left > 1) {
                        random_ = random_ * 6364136223846793005u + 1442695040888963407u;
                        send(crowd_->members[(random_ >> 33) % members_count], hops_left - 1);
                    } else if (++crowd_->arrived == travellers_count) {
                        crowd_->done.set_value();
                    }
                },
                [this](go) { quit(); }};
    }

private:
    crowd* crowd_;
    word random_;
};

figures random_receivers(caf::actor_system& system, word messages) {
    crowd all;
    for (word i = 0; i < members_count; i++) {
        all.members.push_back(system.spawn<member>(&all, i * 7919));
    }
    all.all_ready.get_future().wait();
    stretch begun;
    for (word i = 0; i < travellers_count; i++) {
        caf::anon_send(all.members[i * 97 % members_count], messages / travellers_count);
    }
    all.done.get_future().wait();
    auto result = since(begun, messages);
    for (auto& one : all.members) {
        caf::anon_send(one, go::value);
    }
    system.await_all_actors_done();
    all.members.clear();
    return result;
}

/* ---- start and end --------------------------------------------------------------------------- */

/* Starts the next thousand when the last of a thousand has run: with one worker CAF would else
 * start all of them before it ran the first. */
class nursery : public event_based_actor {
public:
    nursery(caf::actor_config& config, word count) : event_based_actor(config), left_(count) {
    }

    behavior make_behavior() override {
        return {[this](go) {
            word burst = left_ < window ? left_ : window;
            if (burst == 0) {
                quit();
                return;
            }
            left_ -= burst;
            running_ = burst;
            auto self = caf::actor_cast<actor>(this);
            for (word i = 0; i < burst; i++) {
                spawn([this, self](event_based_actor* mayfly) {
                    if (running_.fetch_sub(1) == 1) {
                        mayfly->send(self, go::value);
                    }
                });
            }
        }};
    }

private:
    word left_;
    std::atomic<word> running_{0};
};

figures start_end(caf::actor_system& system, word count) {
    auto mother = system.spawn<nursery>(count);
    stretch begun;
    caf::anon_send(mother, go::value);
    mother = nullptr;
    system.await_all_actors_done();
    return since(begun, count);
}

/* ---- idle ------------------------------------------------------------------------------------ */

word resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    word all = 0;
    word resident = 0;
    statm >> all >> resident;
    return resident * static_cast<word>(sysconf(_SC_PAGESIZE));
}

figures idle(caf::actor_system& system, word count) {
    std::vector<actor> sleepers;
    sleepers.reserve(count);
    std::atomic<word> asleep{0};
    std::promise<void> done;
    word before = resident_bytes();
    for (word i = 0; i < count; i++) {
        sleepers.push_back(system.spawn([&](event_based_actor* self) -> behavior {
            if (++asleep == count) {
                done.set_value();
            }
            return {[self](go) { self->quit(); }};
        }));
    }
    done.get_future().wait();
    word bytes = (resident_bytes() - before - count * sizeof(actor)) / count;
    for (auto& one : sleepers) {
        caf::anon_send(one, go::value);
    }
    system.await_all_actors_done();
    return {0, 0, bytes};
}

/* ---- all of them ----------------------------------------------------------------------------- */

struct benchmark {
    const char* name;
    std::function<figures(caf::actor_system&, word)> run;
    word messages;
};

const benchmark benchmarks[] = {
    {"fan-in", fan_in, 1000000},
    {"ping-pong", ping_pong, 1000000},
    {"pipeline", pipeline, 500000},
    {"crowd", random_receivers, 1000000},
    {"start-end", start_end, 200000},
    {"idle", idle, 200000},
    {"runs", runs, 16000000},
};

int measure(const benchmark& chosen, word workers, word divisor) {
    caf::actor_system_config config;
    config.set("scheduler.max-threads", static_cast<std::int64_t>(workers));
    caf::actor_system system{config};
    if (system.scheduler().num_workers() != workers) {
        std::fprintf(stderr, "CAF did not take the number of workers\n");
        return 1;
    }
    auto result = chosen.run(system, chosen.messages / divisor);
    if (result.bytes != 0) {
        std::printf("{\"bytes\": %llu}\n", static_cast<unsigned long long>(result.bytes));
    } else {
        std::printf("{\"cpu_ns\": %.3f, \"wall_ns\": %.3f}\n", result.cpu_ns, result.wall_ns);
    }
    std::fflush(stdout);
    std::_Exit(0); /* actors that wait for mail would keep the system from ending */
}

} // namespace

int main(int count, char** words) {
    for (const auto& one : benchmarks) {
        if (count < 3) {
            std::puts(one.name);
        } else if (std::string(words[1]) == one.name) {
            return measure(one, std::strtoull(words[2], nullptr, 10),
                           count < 4 ? 1 : std::strtoull(words[3], nullptr, 10));
        }
    }
    return count < 3 ? 0 : 2;
}

#!/usr/bin/env escript
%%! +S 1:1
%% A client of the broker at $URL, with the client library that is in the server's own image. What it is told comes as words.

main(Words) ->
    logger:set_primary_config(level, none),
    [code:add_pathz(Folder) || Folder <- filelib:wildcard("/opt/rabbitmq/plugins/*/ebin")],
    {module, _} = code:ensure_loaded(amqp_auth_mechanisms),
    {ok, Address} = amqp_uri:parse(os:getenv("URL")),
    case amqp_connection:start(Address) of
        {ok, Connection} ->
            {ok, Channel} = amqp_connection:open_channel(Connection),
            try [io:format("~s~n", [run(Part, Channel)]) || Part <- parts(Words)]
            catch _:Reason -> io:format("refused: ~0p~n", [Reason])
            end,
            amqp_connection:close(Connection, 2000);
        {error, {auth_failure, _}} -> io:format("not let in~n");
        {error, Reason} -> io:format("no connection: ~0p~n", [Reason])
    end,
    halt(0).

%% Several things over one connection stand with `then` between: a machine of Erlang takes a second to start.
parts(Words) ->
    case lists:splitwith(fun(Word) -> Word =/= "then" end, Words) of
        {Part, []} -> [Part];
        {Part, [_ | More]} -> [Part | parts(More)]
    end.

run(["connect"], _) -> "in";

%% Numbers from First to Last, kept on disk; waits some seconds until the server has confirmed all of them.
run(["publish", Exchange, Key, First, Last, Seconds], Channel) ->
    {'confirm.select_ok'} = amqp_channel:call(Channel, {'confirm.select', false}),
    Properties = setelement(5, erlang:make_tuple(15, undefined, [{1, 'P_basic'}]), 2),
    Method = {'basic.publish', 0, list_to_binary(Exchange), list_to_binary(Key), false, false},
    [amqp_channel:cast(Channel, Method, {amqp_msg, Properties, integer_to_binary(Number)})
        || Number <- lists:seq(list_to_integer(First), list_to_integer(Last))],
    case amqp_channel:wait_for_confirms(Channel, list_to_integer(Seconds)) of
        true -> "confirmed";
        false -> "rejected by the server";
        %% The server does not read from this connection: to close it in order would take as long as that lasts.
        timeout -> io:format("held back~n"), halt(0)
    end;

%% Every message that waits, in order, acknowledged.
run(["take", Queue], Channel) -> lists:join(" ", take(Queue, Channel));

run(["reject", Queue], Channel) ->
    {{'basic.get_ok', Tag, _, _, _, _}, _} = get(Queue, Channel),
    amqp_channel:call(Channel, {'basic.reject', Tag, false}),
    "rejected";

run(["declare", Queue, Kind], Channel) ->
    {'queue.declare_ok', Name, _, _} =
        amqp_channel:call(Channel, {'queue.declare', 0, list_to_binary(Queue), false, Kind == "durable", Kind == "exclusive", false, false, []}),
    Name.

take(Queue, Channel) ->
    case get(Queue, Channel) of
        {{'basic.get_ok', Tag, _, _, _, _}, {amqp_msg, _, Text}} ->
            amqp_channel:call(Channel, {'basic.ack', Tag, false}),
            [binary_to_list(Text) | take(Queue, Channel)];
        _ -> []
    end.

get(Queue, Channel) -> amqp_channel:call(Channel, {'basic.get', 0, list_to_binary(Queue), false}).

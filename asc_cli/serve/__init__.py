"""`asc serve`: registered models behind HTTP, and a page for people. Extra `serve`.

settings    addresses and limits
app         the routes
guard       who may ask: host, origin, token, how many at once
upload      a request's body → a file with a name of ours
workers     processes that predict; one that a recording ends is replaced
jobs        what runs in them
stream      live sound over a WebSocket
openapi     the document of the interface
server      connections, start and end
page/       the page: no build step, nothing from elsewhere
"""

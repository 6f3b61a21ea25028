import jubako as bentoml
from jubako.io import Text

svc = bentoml.Service("echo")


@svc.api(input=Text(), output=Text())
def echo(text):
    return text
